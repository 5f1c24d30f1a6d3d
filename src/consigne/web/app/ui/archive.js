import { useEffect } from "preact/hooks";

import { exactTime } from "../format.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { followLink } from "../router.js";
import { archive, archived, hasMore, loadMore, remove } from "../state/conversations.js";
import { overlay } from "../state/look.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/** The conversations that were put away. */
export function ArchiveDialog() {
  useEffect(() => {
    loadMore("archived");
  }, []);
  const close = () => { overlay.value = ""; };
  const items = archived.value;
  const whole = !hasMore("archived");
  return html`<${Dialog} kind="sheet" label=${t("archive.title")} title=${t("archive.title")} onClose=${close}>
    ${!items.length && whole && html`<p class="muted">${t("archive.none")}</p>`}
    ${!items.length && !whole && html`<div class="skeleton"><span class="bone"></span>
      <span class="bone short"></span></div>`}
    <ul class="rows">${items.map((item) => html`<${Row} key=${item.id} item=${item} onLeave=${close} />`)}</ul>
    ${items.length > 0 && !whole && html`<button type="button" class="plain older"
      onClick=${() => loadMore("archived")}>${t("list.more")}</button>`}
  <//>`;
}

/** @param {{item: import("../types.js").Conversation, onLeave: () => void}} props */
function Row({ item, onLeave }) {
  const title = item.title || t("list.untitled");
  const onClick = (/** @type {MouseEvent} */ event) => {
    followLink(event, item.id);
    if (event.defaultPrevented) onLeave();
  };
  const discard = () => {
    onLeave(); // the way back is told of on the page, which the dialog covers
    remove(item);
  };
  return html`<li>
    <a href=${`/c/${item.id}`} dir="auto" title=${exactTime(item.updated_at)} onClick=${onClick}>${title}</a>
    <button type="button" class="plain" aria-label=${t("archive.restoreLabel", { title })}
      onClick=${() => archive(item)}>${t("archive.restore")}</button>
    <button type="button" class="quiet square" aria-label=${t("archive.deleteLabel", { title })}
      title=${t("list.delete")} onClick=${discard}><${Icon} name="trash" /></button>
  </li>`;
}
