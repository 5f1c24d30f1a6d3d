import { html } from "../html.js";
import { t } from "../i18n.js";
import { canDictate, dictating, reading, stopDictating, stopReading, voices } from "../state/speech.js";
import { toast } from "../state/toasts.js";
import { Icon } from "./icons.js";

const fail = () => toast(t("app.notLoaded"));
const begin = () => import("../state/dictation.js").then((found) => found.dictate(), fail);
const read = (/** @type {string} */ id, /** @type {string} */ text) =>
  import("../state/reading.js").then((found) => found.readAloud(id, text), fail);

/** Writes what is said, where the browser can. */
export function Dictate() {
  if (!canDictate) return null;
  const on = dictating.value;
  const label = t(on ? "speech.stopDictating" : "speech.dictate");
  return html`<button type="button" class="quiet square dictate" aria-label=${label} title=${label}
    onClick=${on ? stopDictating : begin}>
    ${on ? html`<span class="stop-square"></span>` : html`<${Icon} name="microphone" />`}</button>
    <span class="unseen" role="status">${on ? t("speech.listening") : ""}</span>`;
}

/** Reads an answer aloud, where the browser has a voice. @param {{id: string, text: string}} props */
export function ReadAloud({ id, text }) {
  if (!voices.value.length) return null;
  const on = reading.value === id;
  const label = t(on ? "speech.stopReading" : "speech.read");
  return html`<button type="button" class="quiet square action ${on ? "on" : ""}" aria-label=${label}
    title=${label} onClick=${() => (on ? stopReading() : read(id, text))}>
    ${on ? html`<span class="stop-square"></span>` : html`<${Icon} name="speaker" />`}</button>`;
}
