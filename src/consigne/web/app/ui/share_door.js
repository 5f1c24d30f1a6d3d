import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { sharing } from "../state/shares.js";
import { Icon } from "./icons.js";
import { lazy } from "./lazy.js";

const Dialogs = lazy(() => import("./share/dialogs.js").then((found) => found.Dialogs));

/** Shares the open conversation. @param {{item: import("../types.js").Conversation | null}} props */
export function ShareButton({ item }) {
  if (!item?.head_id) return null;
  return html`<button type="button" class="quiet square wide-only" aria-label=${t("share.menu")}
    title=${t("share.menu")} onClick=${() => { sharing.value = item; }}><${Icon} name="share" /></button>`;
}

/** What is shared by a link. */
export function ShareDialogs() {
  return (sharing.value || overlay.value === "shares") && html`<${Dialogs} />`;
}
