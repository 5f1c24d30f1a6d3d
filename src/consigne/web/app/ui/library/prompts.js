import { useSignal } from "@preact/signals";

import { html } from "../../html.js";
import { t } from "../../i18n.js";
import { prompts } from "../../state/library.js";
import { overlay } from "../../state/look.js";
import { Check, TextField } from "../fields.js";
import { takePrompt } from "../prompt_menu.js";
import { Form, Listing } from "./list.js";

/** @typedef {import("../../state/library.js").Prompt} Prompt */


export function PromptsPanel() {
  return html`<${Listing} from=${prompts} form=${PromptForm} line=${line}
    lead=${t("prompt.lead")} none=${t("prompt.none")} make=${t("prompt.new")} />`;
}

/** @param {Prompt} item */
function line(item) {
  const use = () => {
    overlay.value = "";
    takePrompt(item);
  };
  return html`<div class="thing-text"><strong dir="auto">${item.name}</strong>
      ${item.shared && html` <span class="tag">${t("library.shared")}</span>`}
      <span class="muted small clipped" dir="auto">${item.text}</span></div>
    <button type="button" class="plain" aria-label=${t("prompt.useLabel", { name: item.name })}
      onClick=${use}>${t("prompt.use")}</button>`;
}

/** @param {{item: Prompt | null, onDone: () => void}} props */
function PromptForm({ item, onDone }) {
  const form = useSignal({
    name: item?.name ?? "", text: item?.text ?? "", shared: item?.shared ?? false,
  });
  const set = (/** @type {string} */ name) => (/** @type {unknown} */ value) => {
    form.value = { ...form.value, [name]: value };
  };
  return html`<${Form} title=${t(item ? "prompt.edit" : "prompt.new")} onDone=${onDone}
    save=${() => prompts.save(item?.id ?? null, form.value)}>
    <${TextField} label=${t("library.name")} required most=${80} value=${form.value.name} onInput=${set("name")} />
    <${TextField} label=${t("prompt.text")} note=${t("prompt.textNote", { example: example() })} required
      rows=${8} most=${20000} value=${form.value.text} onInput=${set("text")} />
    <${Check} label=${t("prompt.share")} on=${form.value.shared} onChange=${set("shared")} />
  <//>`;
}

/** Places as they are written, in words of the reader's: the braces are no part of a translation. */
function example() {
  const [topic, tone, calm, tongue, one, other] = t("prompt.example").split(" ");
  return `{{${topic}}}, {{${tone}=${calm}}}, {{${tongue}:${one}|${other}}}`;
}
