import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { Dialog } from "./dialog.js";
import { SelectField, TextField } from "./fields.js";
import { filling, write } from "./prompt_menu.js";

/** @typedef {import("../state/library.js").Prompt} Prompt */

/** Asks for what stands in a prompt's places. */
export function FillDialog() {
  const prompt = /** @type {Prompt} */ (filling.value);
  const values = useSignal(Object.fromEntries(prompt.places.map((p) => [p.name, p.default])));
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => {
    /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector("input, select"))?.focus();
  }, []);
  const close = () => { filling.value = null; };
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    values.value = { ...values.value, [name]: value };
  };
  const take = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
    write(filled(prompt.text, values.value));
  };
  return html`<${Dialog} kind="sheet narrow" label=${prompt.name} title=${prompt.name} onClose=${close}>
    <form class="fields" ref=${form} onSubmit=${take}>
      ${prompt.places.map((place) => (place.choices.length
        ? html`<${SelectField} key=${place.name} label=${place.name} value=${values.value[place.name]}
            choices=${place.choices.map((choice) => [choice, choice])} onInput=${set(place.name)} />`
        : html`<${TextField} key=${place.name} label=${place.name} value=${values.value[place.name]}
            onInput=${set(place.name)} />`))}
      <div class="buttons"><button type="button" class="plain" onClick=${close}>${t("message.cancel")}</button>
        <button type="submit" class="primary">${t("prompt.insert")}</button></div>
    </form>
  <//>`;
}

/**
 * @param {string} text
 * @param {Record<string, string>} values
 */
function filled(text, values) {
  return text.replace(/\{\{([^{}=:]*)(?:[=:][^{}]*)?\}\}/g, (whole, name) => values[name.trim()] ?? whole);
}
