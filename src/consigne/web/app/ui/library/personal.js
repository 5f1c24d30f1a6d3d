import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { facts, instruct, instructions, loadPersonal } from "../../state/personal.js";
import { toast } from "../../state/toasts.js";
import { Check, TextField } from "../fields.js";
import { Icon } from "../icons.js";

/**
 * @typedef {import("../../state/personal.js").Instructions} Instructions
 * @typedef {import("../../state/personal.js").Fact} Fact
 */

const LONGEST = 1500;
const LONGEST_FACT = 300;

/** @param {unknown} error */
const fail = (error) => toast(explain(/** @type {Error} */ (error)));

export function PersonalPanel() {
  useEffect(() => {
    loadPersonal();
  }, []);
  const known = instructions.value;
  if (!known) return html`<div class="skeleton"><span class="bone panel"></span></div>`;
  return html`<${InstructionsForm} known=${known} />
    <h3>${t("personal.memory")}</h3>
    <p class="muted">${t("personal.memoryLead")}</p>
    <${Check} label=${t("personal.memoryOn")} on=${known.memory_enabled}
      onChange=${(/** @type {boolean} */ on) => instruct({ ...known, memory_enabled: on }).catch(fail)} />
    <${Facts} />`;
}

/** @param {{known: Instructions}} props */
function InstructionsForm({ known }) {
  const form = useSignal(known);
  const set = (/** @type {string} */ name) => (/** @type {unknown} */ value) => {
    form.value = { ...form.value, [name]: value };
  };
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    const wanted = { ...form.value, memory_enabled: instructions.value?.memory_enabled ?? true };
    instruct(wanted).then(() => toast(t("personal.saved"))).catch(fail);
  };
  return html`<form class="fields" onSubmit=${save}>
    <p class="muted">${t("personal.lead")}</p>
    <${TextField} label=${t("personal.about")} rows=${4} most=${LONGEST} value=${form.value.about}
      onInput=${set("about")} />
    <${TextField} label=${t("personal.style")} rows=${4} most=${LONGEST} value=${form.value.style}
      onInput=${set("style")} />
    <${Check} label=${t("personal.on")} on=${form.value.enabled} onChange=${set("enabled")} />
    <div class="buttons"><button type="submit" class="primary">${t("library.save")}</button></div>
  </form>`;
}

function Facts() {
  const added = useSignal("");
  const items = facts.items.value ?? [];
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!added.value.trim()) return;
    facts.save(null, { text: added.value }).then(() => { added.value = ""; }).catch(fail);
  };
  return html`<ul class="things">${items.map((fact) => html`<${FactLine} key=${fact.id} fact=${fact} />`)}</ul>
    <form class="one-line" onSubmit=${add}>
      <input type="text" dir="auto" maxlength=${LONGEST_FACT} aria-label=${t("personal.newFact")}
        placeholder=${t("personal.newFact")} value=${added.value}
        onInput=${(/** @type {any} */ event) => { added.value = event.target.value; }} />
      <button type="submit" class="plain">${t("personal.add")}</button></form>`;
}

/** @param {{fact: Fact}} props */
function FactLine({ fact }) {
  const change = (/** @type {any} */ event) => {
    const text = event.target.value.trim();
    if (!text) event.target.value = fact.text;
    else if (text !== fact.text) facts.save(fact.id, { text }).catch(fail);
  };
  return html`<li>
    <input type="text" class="thing-text plain-input" dir="auto" maxlength=${LONGEST_FACT} value=${fact.text}
      aria-label=${t("personal.fact", { text: fact.text })} onChange=${change} />
    ${fact.source === "model" && html`<span class="tag">${t("personal.byModel")}</span>`}
    <button type="button" class="quiet square" title=${t("list.delete")}
      aria-label=${t("library.deleteLabel", { name: fact.text })}
      onClick=${() => facts.remove(fact)}><${Icon} name="trash" /></button>
  </li>`;
}
