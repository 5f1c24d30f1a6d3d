import { html } from "../html.js";
import { t } from "../i18n.js";
import { asked } from "../state/speech.js";
import { Dialog } from "./dialog.js";

/** Says where speech goes before it leaves this device for the first time. */
export function SpeechNotice() {
  if (!asked.value) return null;
  const { use, answer } = asked.value;
  const title = t(`speech.${use}Title`);
  return html`<${Dialog} kind="sheet narrow" label=${title} title=${title} onClose=${() => answer(false)}>
    <p>${t(`speech.${use}Notice`)}</p>
    <div class="buttons">
      <button type="button" class="plain" onClick=${() => answer(false)}>${t("message.cancel")}</button>
      <button type="button" class="primary" onClick=${() => answer(true)}>${t(`speech.${use}Begin`)}</button>
    </div>
  <//>`;
}
