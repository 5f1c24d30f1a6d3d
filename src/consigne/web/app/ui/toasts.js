import { html } from "../html.js";
import { t } from "../i18n.js";
import { dismiss, toasts } from "../state/toasts.js";
import { Icon } from "./icons.js";

/** What the page says in passing, at its lower edge. */
export function Toasts() {
  return html`<div class="toasts" role="status">
    ${toasts.value.map((toast) => html`<${Line} key=${toast.id} toast=${toast} />`)}
  </div>`;
}

/** @param {{toast: import("../state/toasts.js").Toast}} props */
function Line({ toast }) {
  const act = () => {
    toast.action?.run();
    dismiss(toast.id);
  };
  return html`<div class="toast">
    <span>${toast.text}</span>
    ${toast.action && html`<button type="button" class="link" onClick=${act}>${toast.action.label}</button>`}
    <button type="button" class="quiet square" aria-label=${t("app.close")} onClick=${() => dismiss(toast.id)}>
      <${Icon} name="close" />
    </button>
  </div>`;
}
