import { html } from "../html.js";
import { dayGroup } from "../format.js";
import { t } from "../i18n.js";
import { followLink, go, openId } from "../router.js";
import { failed, listed, loadList, loadMore, more, query, search } from "../state/conversations.js";
import { drawer } from "../state/look.js";
import { session } from "../state/session.js";
import { Account } from "./account.js";
import { ConversationItem } from "./conversation_item.js";
import { Icon, Mark } from "./icons.js";
import { PullsBrief } from "./pulls_brief.js";

/** @typedef {import("../types.js").Conversation} Conversation */

const TYPING_PAUSE_MS = 150;
let typing = 0;

/** The list of conversations and what belongs to the person. */
export function Sidebar() {
  const begin = () => {
    drawer.value = false;
    go(null);
    document.getElementById("composer")?.focus();
  };
  return html`<nav class="sidebar" aria-label=${t("list.label")}>
    <div class="sidebar-head">
      <a class="brand" href="/" onClick=${(/** @type {MouseEvent} */ event) => followLink(event, null)}>
        <${Mark} /><span>${session.value?.organisation.name || "Consigne"}</span></a>
      <button type="button" class="quiet square drawer-only" aria-label=${t("app.closeMenu")}
        onClick=${() => { drawer.value = false; }}><${Icon} name="close" /></button>
    </div>
    <button type="button" class="new" aria-current=${openId.value === null ? "page" : undefined}
      onClick=${begin}><${Icon} name="plus" />${t("list.new")}</button>
    <${Search} />
    <div class="sidebar-list"><${Groups} /></div>
    <${PullsBrief} />
    <${Account} />
  </nav>`;
}

function Search() {
  const onInput = (/** @type {any} */ event) => {
    clearTimeout(typing);
    const words = event.target.value;
    query.value = words;
    typing = setTimeout(() => search(words), TYPING_PAUSE_MS);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !query.peek()) return;
    event.stopPropagation();
    search("");
  };
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input id="search" type="search" autocomplete="off" value=${query} placeholder=${t("list.search")}
      aria-label=${t("list.search")} aria-keyshortcuts="/" onInput=${onInput} onKeyDown=${onKeyDown} />
    ${query.value ? html`<button type="button" class="quiet square" aria-label=${t("list.clear")}
      onClick=${() => search("")}><${Icon} name="close" /></button>` : html`<kbd>/</kbd>`}
  </div>`;
}

function Groups() {
  const items = listed.value;
  if (failed.value && !items) {
    return html`<p class="muted pad" role="alert">${t("list.failed")}
      <button type="button" class="link" onClick=${loadList}>${t("app.retry")}</button></p>`;
  }
  if (!items) {
    return html`<div class="skeleton pad"><span class="bone"></span><span class="bone"></span>
      <span class="bone short"></span></div>`;
  }
  if (!items.length) {
    const words = query.value.trim();
    return html`<p class="muted pad">${words ? t("list.nothing", { query: words }) : t("list.none")}</p>`;
  }
  return html`${[...grouped(items)].map(([day, members]) => html`<section key=${day}>
      <h2>${day}</h2>
      <ul>${members.map((item) => html`<${ConversationItem} key=${item.id} item=${item}
        open=${item.id === openId.value} />`)}</ul>
    </section>`)}
    ${more.value && html`<button type="button" class="plain older" onClick=${loadMore}>
      ${t("list.more")}</button>`}`;
}

/** @param {Conversation[]} items */
function grouped(items) {
  /** @type {Map<string, Conversation[]>} */
  const days = new Map();
  for (const item of items) {
    const day = dayGroup(item.updated_at);
    days.set(day, [...(days.get(day) ?? []), item]);
  }
  return days;
}
