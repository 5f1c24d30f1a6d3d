import { html } from "../html.js";

/**
 * A field with its name; `note` says more.
 * @param {{label: string, note?: string, children: any}} props
 */
export function Field({ label, note, children }) {
  return html`<label class="field"><span>${label}</span>${children}
    ${note && html`<small class="muted">${note}</small>`}</label>`;
}

/**
 * @param {{label: string, note?: string, value: string, rows?: number, required?: boolean,
 *   most?: number, first?: boolean, onInput: (value: string) => void}} props `rows` makes it one of
 *   several lines, `first` where its dialog begins
 */
export function TextField({ label, note, value, rows, required = false, most, first, onInput }) {
  const input = (/** @type {any} */ event) => onInput(event.target.value);
  return html`<${Field} label=${label} note=${note}>
    ${rows
      ? html`<textarea rows=${rows} dir="auto" value=${value} required=${required} maxlength=${most}
          onInput=${input}></textarea>`
      : html`<input type="text" dir="auto" autocomplete="off" value=${value} required=${required}
          maxlength=${most} autofocus=${first} onInput=${input} />`}
  <//>`;
}

/**
 * @param {{label: string, note?: string, value: string, choices: [string, string][],
 *   onInput: (value: string) => void}} props each choice is its value and its words
 */
export function SelectField({ label, note, value, choices, onInput }) {
  return html`<${Field} label=${label} note=${note}>
    <select value=${value} onChange=${(/** @type {any} */ event) => onInput(event.target.value)}>
      ${choices.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>
        ${words}</option>`)}
    </select><//>`;
}

/** @param {{label: string, on: boolean, disabled?: boolean, onChange: (on: boolean) => void}} props */
export function Check({ label, on, disabled = false, onChange }) {
  return html`<label class="check"><input type="checkbox" checked=${on} disabled=${disabled}
    onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} /><span>${label}</span></label>`;
}
