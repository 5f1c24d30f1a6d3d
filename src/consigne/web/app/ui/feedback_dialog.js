import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { explaining, opinions, rate, REASONS } from "../state/feedback.js";
import { toast } from "../state/toasts.js";
import { Dialog } from "./dialog.js";

/** Asks why; what was pressed is kept already. */
export function FeedbackDialog() {
  const opinion = opinions.value[explaining.value ?? ""];
  const reasons = useSignal(opinion?.reasons ?? []);
  const comment = useSignal(opinion?.comment ?? "");
  const close = () => { explaining.value = null; };
  if (!opinion) return null;
  const { message_id: id, rating } = opinion;

  const toggle = (/** @type {string} */ reason) => {
    const without = reasons.value.filter((other) => other !== reason);
    reasons.value = without.length < reasons.value.length ? without : [...without, reason];
  };
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await rate(id, rating, reasons.value, comment.value);
      close();
      toast(t("feedback.thanks"));
    } catch (error) {
      toast(explain(/** @type {Error} */ (error)));
    }
  };
  const title = t(rating === "up" ? "feedback.whyUp" : "feedback.whyDown");
  return html`<${Dialog} kind="sheet narrow" label=${title} title=${title} onClose=${close}>
    <form class="fields" onSubmit=${save}>
      <div class="chips" role="group" aria-label=${t("feedback.reasons")}>
        ${REASONS[rating].map((reason) => html`<button type="button" key=${reason} class="chip"
          aria-pressed=${reasons.value.includes(reason)} onClick=${() => toggle(reason)}>
          ${t(`feedback.reason.${reason}`)}</button>`)}
      </div>
      <label class="field"><span>${t("feedback.comment")}</span>
        <textarea rows="3" maxlength="4000" dir="auto" value=${comment.value}
          onInput=${(/** @type {any} */ event) => { comment.value = event.target.value; }}></textarea>
      </label>
      <p class="muted small">${t("feedback.use")}</p>
      <div class="buttons"><button type="button" class="plain" onClick=${close}>${t("message.cancel")}</button>
        <button type="submit" class="primary">${t("library.save")}</button></div>
    </form>
  <//>`;
}
