import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { beside } from "../state/branch.js";
import { choose, others, second, secondModel } from "../state/compare.js";
import { nameOf } from "../state/models.js";
import { temporary } from "../state/temporary.js";
import { toast } from "../state/toasts.js";
import { Icon } from "./icons.js";
import { MenuItem } from "./menu.js";
import { Answer } from "./message.js";

/** @typedef {import("../types.js").Message} Message */

const ALONE = { position: 1, count: 1 };

/**
 * The answer that stands beside this one until one of the two is chosen.
 * @param {Message} message
 */
export function besideOf(message) {
  const other = beside.value;
  const pair = message.role === "assistant" && other?.parent_id === message.parent_id;
  return pair && other.id !== message.id ? other : undefined;
}

/** Two answers to one question; on a phone, one at a time. @param {{first: Message, other: Message}} props */
export function Compared({ first, other }) {
  const shown = useSignal(first.id);
  const pair = [first, other];
  return html`<div class="compare" role="group" aria-label=${t("compare.label")}>
    <div class="compare-tabs" role="group" aria-label=${t("compare.shown")}>
      ${pair.map(({ id, model, state }) => html`<button type="button" key=${id} class="plain"
        aria-pressed=${shown.value === id} onClick=${() => { shown.value = id; }}>
        ${nameOf(model)}${state === "running" && html`<span class="dot loading"></span>`}</button>`)}
    </div>
    <div class="compare-sides">
      ${pair.map((message) => html`<${Side} key=${message.id} message=${message}
        shown=${shown.value === message.id} />`)}
    </div>
  </div>`;
}

/** @param {{message: Message, shown: boolean}} props */
function Side({ message, shown }) {
  const name = nameOf(message.model) ?? "";
  const take = () => choose(message.id).then(
    () => document.getElementById("composer")?.focus(), (error) => toast(explain(error)));
  return html`<section class="compare-side ${shown ? "shown" : ""}" aria-label=${name}>
    <p class="compare-name">${name}</p>
    <${Answer} message=${message} place=${ALONE} last compared />
    <button type="button" class="plain compare-choose" onClick=${take}
      aria-label=${t("compare.chooseNamed", { name })}>${t("compare.choose")}</button>
  </section>`;
}

/** Whether an answer is still to be chosen; then says so, where that is done. */
export function mustChoose() {
  if (!beside.peek()) return false;
  toast(t("compare.first"));
  const buttons = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".compare-choose"));
  [...buttons].find((button) => button.offsetParent)?.focus();
  return true;
}

/** The choice of a second model, in the menu of the first. */
export function SecondChoices() {
  const open = useSignal(false);
  if (temporary.value || !others.value.length) return null;
  return html`<hr />
    <${MenuItem} stay onSelect=${() => { open.value = !open.value; }}>
      <span class="menu-text"><span>${t("compare.with")}</span>
        <span class="muted small">${t("compare.hint")}</span></span>
      <${Icon} name=${open.value ? "down" : "right"} />
    <//>
    ${open.value && others.value.map(({ id, name }) => html`<${MenuItem} key=${id}
      checked=${second.value === id} onSelect=${() => { second.value = id; }}>
      <span class="menu-text second-choice">${name}</span>
      ${second.value === id && html`<${Icon} name="check" />`}<//>`)}`;
}

/** The second model of the next instruction, above it. */
export function Second() {
  const model = secondModel.value;
  if (temporary.value || !model) return null;
  const away = () => {
    second.value = null;
    document.getElementById("composer")?.focus();
  };
  return html`<p class="second"><span>${t("compare.beside", { name: model.name })}</span>
    <button type="button" class="quiet square" aria-label=${t("compare.away", { name: model.name })}
      onClick=${away}><${Icon} name="close" /></button></p>`;
}
