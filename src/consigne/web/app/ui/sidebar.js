import { html } from "../html.js";
import { dayGroup } from "../format.js";
import { t } from "../i18n.js";
import { followLink, openId, openProject } from "../router.js";
import { failed, hasMore, loadList, loadMore, pinned, recent } from "../state/conversations.js";
import { drawer } from "../state/look.js";
import { session } from "../state/session.js";
import { openSearch } from "../state/search.js";
import { Account } from "./account.js";
import { beginNew } from "./commands.js";
import { ConversationItem } from "./conversation_item.js";
import { Folders } from "./folders.js";
import { Icon, Mark } from "./icons.js";
import { ImportBrief } from "./import_brief.js";
import { GalleryButton, LibraryButton } from "./library_door.js";
import { Projects } from "./project_door.js";
import { PullsBrief } from "./pulls_brief.js";

/** @typedef {import("../types.js").Conversation} Conversation */

/** The list of conversations and what belongs to the person. */
export function Sidebar() {
  return html`<nav class="sidebar" aria-label=${t("list.label")}>
    <div class="sidebar-head">
      <a class="brand" href="/" onClick=${(/** @type {MouseEvent} */ event) => followLink(event, null)}>
        <${Mark} /><span>${session.value?.organisation.name || "Consigne"}</span></a>
      <button type="button" class="quiet square drawer-only" aria-label=${t("app.closeMenu")}
        onClick=${() => { drawer.value = false; }}><${Icon} name="close" /></button>
    </div>
    <button type="button" class="new" aria-current=${openId.value === null && !openProject.value ? "page" : undefined}
      onClick=${beginNew}><${Icon} name="plus" />${t("list.new")}</button>
    <button type="button" class="search" aria-keyshortcuts="/" onClick=${() => openSearch()}>
      <${Icon} name="search" /><span>${t("list.search")}</span><kbd aria-hidden="true">/</kbd></button>
    <${LibraryButton} />
    <${GalleryButton} />
    <div class="sidebar-list">
      <${Pinned} /><${Projects} /><${Folders} /><${Groups} />
    </div>
    <${PullsBrief} />
    <${ImportBrief} />
    <${Account} />
  </nav>`;
}

function Pinned() {
  if (!pinned.value.length) return null;
  return html`<section><h2>${t("list.pinned")}</h2><${Items} items=${pinned.value} /></section>`;
}

/** @param {{items: Conversation[]}} props */
function Items({ items }) {
  return html`<ul>${items.map((item) => html`<${ConversationItem} key=${item.id} item=${item}
    open=${item.id === openId.value} />`)}</ul>`;
}

function Groups() {
  const items = recent.value;
  if (failed.value && !items) {
    return html`<p class="muted pad" role="alert">${t("list.failed")}
      <button type="button" class="link" onClick=${loadList}>${t("app.retry")}</button></p>`;
  }
  if (!items) {
    return html`<div class="skeleton pad"><span class="bone"></span><span class="bone"></span>
      <span class="bone short"></span></div>`;
  }
  if (!items.length && !pinned.value.length) return html`<p class="muted pad">${t("list.none")}</p>`;
  return html`${[...grouped(items)].map(([day, members]) => html`<section key=${day}>
      <h2>${day}</h2><${Items} items=${members} /></section>`)}
    ${hasMore("recent") && html`<button type="button" class="plain older"
      onClick=${() => loadMore("recent")}>${t("list.more")}</button>`}`;
}

/** @param {Conversation[]} items */
function grouped(items) {
  /** @type {Map<string, Conversation[]>} */
  const days = new Map();
  for (const item of items) {
    const day = dayGroup(item.updated_at);
    const members = days.get(day);
    if (members) members.push(item);
    else days.set(day, [item]);
  }
  return days;
}
