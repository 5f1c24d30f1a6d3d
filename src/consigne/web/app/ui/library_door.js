import { html } from "../html.js";
import { t } from "../i18n.js";
import { tab, unread } from "../state/library.js";
import { drawer, overlay } from "../state/look.js";
import { Icon } from "./icons.js";
import { lazy } from "./lazy.js";

/** @param {import("../state/library.js").Tab} [name] the panel to open */
export function openLibrary(name) {
  if (name) tab.value = name;
  drawer.value = false;
  overlay.value = "library";
}

/** The library's place in the sidebar; it tells what ran unseen. */
export function LibraryButton() {
  const count = unread.value;
  return html`<button type="button" class="search" onClick=${() => openLibrary(count ? "schedules" : undefined)}>
    <${Icon} name="library" /><span>${t("library.title")}</span>
    ${count > 0 && html`<span class="count" aria-label=${t("schedule.unreadCount", { count })}>${count}</span>`}
  </button>`;
}

/** The gallery's place in the sidebar. */
export function GalleryButton() {
  const open = () => {
    drawer.value = false;
    overlay.value = "pictures";
  };
  return html`<button type="button" class="search" onClick=${open}>
    <${Icon} name="picture" /><span>${t("picture.gallery")}</span></button>`;
}

/** The library, whose code comes when it is first opened. */
export const Library = lazy(() => import("./library/dialog.js").then((found) => found.default));
