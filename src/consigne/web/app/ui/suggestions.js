import { useEffect } from "preact/hooks";

import { day, languageName, memory, number, parameters, size, wait } from "../format.js";
import { html } from "../html.js";
import { explain, language, t } from "../i18n.js";
import { overlay } from "../state/look.js";
import {
  cancelPull, loadSuggestions, modelFor, pulls, startPull, suggestions, suggestionsError,
} from "../state/models.js";
import { session } from "../state/session.js";
import { conversation } from "../state/thread.js";
import { chooseModel } from "../state/turns.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/**
 * @typedef {import("../types.js").Suggestion} Suggestion
 * @typedef {import("../types.js").Pull} Pull
 */

const LANGUAGES_SHOWN = 5;

/** The models that would run well on this machine, each installed with one click. */
export function SuggestionsDialog() {
  useEffect(() => {
    loadSuggestions();
  }, []);
  return html`<${Dialog} kind="sheet" label=${t("pull.title")} title=${t("pull.title")}
    onClose=${() => { overlay.value = ""; }}><${Body} /><//>`;
}

function Body() {
  const found = suggestions.value;
  if (!found && suggestionsError.value) {
    return html`<p class="note bad" role="alert">
      <span>${t("pull.loadFailed", { reason: explain(suggestionsError.value) })}</span>
      <button type="button" class="plain" onClick=${loadSuggestions}>${t("app.retry")}</button></p>`;
  }
  if (!found) {
    return html`<div class="skeleton"><span class="bone panel"></span><span class="bone panel"></span></div>`;
  }
  const allowed = ["owner", "admin"].includes(session.value?.role ?? "");
  return html`<p class="muted">${t("pull.machine", {
      memory: memory(found.machine.memory_bytes), count: found.machine.cores, date: day(found.as_of),
    })}</p>
    ${!allowed && html`<p class="note">${t("pull.notOwner")}</p>`}
    <ul class="suggestions">${found.suggestions.map((item) => html`<${Item} key=${item.id}
      item=${item} pull=${pulls.value[item.source]} allowed=${allowed} />`)}</ul>`;
}

/** @param {{item: Suggestion, pull: Pull | undefined, allowed: boolean}} props */
function Item({ item, pull, allowed }) {
  const running = pull?.state === "running" && !item.installed;
  const facts = [
    t("pull.parameters", { n: parameters(item.parameters) }), size(item.size_bytes),
    t("pull.speed", { n: number(item.expected_tokens_per_s) }), item.license,
  ];
  const shown = item.languages.slice(0, LANGUAGES_SHOWN).map((code) => languageName(code));
  if (item.languages.length > LANGUAGES_SHOWN) shown.push("…");
  return html`<li>
    <div class="suggestion-text">
      <h3>${item.name} ${item.recommended && html`<span class="tag">${t("pull.recommended")}</span>`}</h3>
      <p>${item.note[language.value]}</p>
      <p class="muted small">${facts.join(" · ")}</p>
      <p class="muted small">${shown.join(", ")}</p>
      ${pull?.state === "failed" && html`<p class="note bad" role="alert"><${Icon} name="alert" />
        <span>${t("pull.failed", { reason: pull.error?.message ?? "" })}</span></p>`}
      ${running && html`<${Progress} pull=${pull} name=${item.name} />`}
    </div>
    ${!running && html`<${Offer} item=${item} allowed=${allowed} />`}
  </li>`;
}

/** @param {{item: Suggestion, allowed: boolean}} props */
function Offer({ item, allowed }) {
  if (item.installed) return html`<${Installed} item=${item} />`;
  if (!item.fits) return html`<span class="muted">${t("pull.tooLarge")}</span>`;
  if (!allowed) return null;
  const label = t("pull.installLabel", { name: item.name, size: size(item.size_bytes) });
  return html`<button type="button" class="plain" aria-label=${label}
    onClick=${() => startPull(item.source)}>${t("pull.install")}</button>`;
}

/** @param {{item: Suggestion}} props */
function Installed({ item }) {
  const use = () => {
    overlay.value = "";
    chooseModel(item.id);
  };
  return html`<span class="installed">
    <span class="muted"><${Icon} name="check" />${t("pull.installed")}</span>
    ${modelFor(conversation.value?.model)?.id !== item.id && html`<button type="button" class="plain"
      onClick=${use}>${t("pull.use")}</button>`}
  </span>`;
}

/** @param {{pull: Pull, name: string}} props */
function Progress({ pull, name }) {
  const total = pull.total_bytes;
  const facts = [t(`pull.phase.${pull.phase}`)];
  if (pull.phase === "download" && total) {
    facts.push(t("pull.amount", { done: size(pull.done_bytes), total: size(total) }));
    if (pull.bytes_per_s) facts.push(t("pull.rate", { rate: size(pull.bytes_per_s) }));
    if (pull.seconds_left !== null) facts.push(t("pull.left", { time: wait(pull.seconds_left) }));
  }
  return html`<div class="pull">
    <progress max=${total ?? 1} value=${total ? pull.done_bytes : undefined} aria-label=${name}></progress>
    <p class="small"><span class="muted">${facts.join(" · ")}</span>
      <button type="button" class="link" aria-label=${t("pull.cancelLabel", { name })}
        onClick=${() => cancelPull(pull)}>${t("pull.cancel")}</button></p>
  </div>`;
}
