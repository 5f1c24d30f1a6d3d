import { useEffect } from "preact/hooks";

import { day, languageName, memory, pace, parameters, size, wait } from "../format.js";
import { html } from "../html.js";
import { explain, language, t } from "../i18n.js";
import { overlay } from "../state/look.js";
import {
  cancelPull, loadSuggestions, modelFor, paints, pulls, startPull, suggestions, suggestionsError,
} from "../state/models.js";
import { session } from "../state/session.js";
import { conversation } from "../state/thread.js";
import { chooseModel } from "../state/turns.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/**
 * @typedef {import("../types.js").Suggestion} Suggestion
 * @typedef {import("../types.js").ImageSuggestion} ImageSuggestion
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
    <h3 class="suggestions-head">${t("pull.writers")}</h3>
    <ul class="suggestions">${found.suggestions.map((item) => html`<${Writer} key=${item.id}
      item=${item} allowed=${allowed} />`)}</ul>
    <h3 class="suggestions-head">${t("pull.painters")}</h3>
    <p class="muted">${t("pull.listOf", { date: day(found.images_as_of) })}</p>
    <ul class="suggestions">${found.images.map((item) => html`<${Painter} key=${item.id}
      item=${item} allowed=${allowed} />`)}</ul>`;
}

/** @param {{item: Suggestion, allowed: boolean}} props */
function Writer({ item, allowed }) {
  const facts = [
    t("pull.parameters", { n: parameters(item.parameters) }), size(item.size_bytes),
    pace("pull.speed", item.expected_tokens_per_s), item.license,
  ];
  const shown = item.languages.slice(0, LANGUAGES_SHOWN).map((code) => languageName(code));
  if (item.languages.length > LANGUAGES_SHOWN) shown.push("…");
  return html`<${Item} item=${item} allowed=${allowed} installed=${html`<${Writes} id=${item.id} />`}
    recommended=${item.recommended}>
    <p class="muted small">${facts.join(" · ")}</p>
    <p class="muted small">${shown.join(", ")}</p>
  <//>`;
}

/** @param {{item: ImageSuggestion, allowed: boolean}} props */
function Painter({ item, allowed }) {
  const facts = [
    size(item.size_bytes), t("pull.pixels", { width: item.width, height: item.height }),
    t("pull.steps", { count: item.steps }),
  ];
  const draws = paints.value === item.id;
  return html`<${Item} item=${item} allowed=${allowed} barred=${!item.runs && t("pull.needsTorch")}
    installed=${draws && html`<span class="tag">${t("pull.paints")}</span>`}>
    <p class="muted small">${facts.join(" · ")}</p>
    <p class="small"><a href=${item.license_url} target="_blank" rel="noopener noreferrer">
      ${t("pull.license", { name: item.license[language.value] })}</a></p>
  <//>`;
}

/**
 * A model, what is told of it, and the way to have it.
 * @param {{item: Suggestion | ImageSuggestion, allowed: boolean, installed: any, recommended?: boolean,
 *   barred?: string | false, children?: any}} props
 */
function Item({ item, allowed, installed, recommended = false, barred = false, children }) {
  const pull = pulls.value[item.source];
  const running = pull?.state === "running" && !item.installed;
  return html`<li>
    <div class="suggestion-text">
      <h4>${item.name} ${recommended && html`<span class="tag">${t("pull.recommended")}</span>`}</h4>
      <p>${item.note[language.value]}</p>
      ${children}
      ${pull?.state === "failed" && html`<p class="note bad" role="alert"><${Icon} name="alert" />
        <span>${t("pull.failed", { reason: pull.error?.message ?? "" })}</span></p>`}
      ${running && html`<${Progress} pull=${pull} name=${item.name} />`}
    </div>
    ${!running && html`<${Offer} item=${item} allowed=${allowed} installed=${installed} barred=${barred} />`}
  </li>`;
}

/**
 * @param {{item: Suggestion | ImageSuggestion, allowed: boolean, installed: any,
 *   barred: string | false}} props
 */
function Offer({ item, allowed, installed, barred }) {
  if (item.installed) {
    return html`<span class="installed">
      <span class="muted"><${Icon} name="check" />${t("pull.installed")}</span>${installed}</span>`;
  }
  if (!item.fits || barred) return html`<span class="muted">${item.fits ? barred : t("pull.tooLarge")}</span>`;
  if (!allowed) return null;
  const label = t("pull.installLabel", { name: item.name, size: size(item.size_bytes) });
  return html`<button type="button" class="plain" aria-label=${label}
    onClick=${() => startPull(item.source)}>${t("pull.install")}</button>`;
}

/** Lets an installed model answer next. @param {{id: string}} props */
function Writes({ id }) {
  const use = () => {
    overlay.value = "";
    chooseModel(id);
  };
  if (modelFor(conversation.value?.model)?.id === id) return null;
  return html`<button type="button" class="plain" onClick=${use}>${t("pull.use")}</button>`;
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
