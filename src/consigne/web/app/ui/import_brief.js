import { number } from "../format.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { importing } from "../state/imports.js";

/** One line for the file of conversations that is being taken in. */
export function ImportBrief() {
  const shown = importing.value;
  if (!shown) return null;
  const { name, phase, part } = shown;
  const percent = part === null ? undefined : Math.floor(100 * part);
  const words = t(`transfer.${phase}`, { name });
  return html`<div class="pulls-brief import-brief">
    <p class="small"><span dir="auto">${words}</span>${percent !== undefined
      && html` <span class="muted">${number(percent)} %</span>`}</p>
    <progress max="100" value=${percent} aria-label=${words}></progress>
  </div>`;
}
