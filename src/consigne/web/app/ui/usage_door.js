import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { maySeeUsage } from "../state/usage.js";
import { lazy } from "./lazy.js";
import { MenuItem } from "./menu.js";

const UsageDialog = lazy(() => import("./usage/dialog.js").then((found) => found.UsageDialog));

export const openUsage = () => { overlay.value = "usage"; };

/** Leads those who look after the organisation to what it used. */
export function UsageItem() {
  return maySeeUsage.value && html`<${MenuItem} onSelect=${openUsage}>
    <span class="menu-text">${t("usage.title")}</span><//>`;
}

/** What was used, once it is asked for. */
export function UsageDoor() {
  return overlay.value === "usage" && html`<${UsageDialog} />`;
}
