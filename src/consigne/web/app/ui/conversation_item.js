import { useEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { exactTime } from "../format.js";
import { t } from "../i18n.js";
import { followLink } from "../router.js";
import { archive, moving, pin, remove, rename, renaming } from "../state/conversations.js";
import { drawer } from "../state/look.js";
import { sharing } from "../state/shares.js";
import { exportConversation } from "../state/transfers.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** @typedef {import("../types.js").Conversation} Conversation */

/** One line of the list. @param {{item: Conversation, open: boolean}} props */
export function ConversationItem({ item, open }) {
  const title = item.title || t("list.untitled");
  if (renaming.value === item.id) {
    const done = () => { renaming.value = null; };
    return html`<li><${NameField} name=${item.title} label=${t("list.renameLabel")} onDone=${done}
      onKeep=${(/** @type {string} */ name) => rename(item, name)} /></li>`;
  }
  const onClick = (/** @type {MouseEvent} */ event) => {
    drawer.value = false;
    followLink(event, item.id);
  };
  return html`<li class="item">
    <a href=${`/c/${item.id}`} aria-current=${open ? "page" : undefined} dir="auto"
      title=${`${title}\n${exactTime(item.updated_at)}`} onClick=${onClick}>
      ${title}${item.running && html` <span class="dot loading" role="img"
        aria-label=${t("list.running")}></span>`}</a>
    <${Menu} label=${t("list.options", { title })} button=${html`<${Icon} name="dots" />`}
      buttonClass="quiet square" side="end">
      <${MenuItem} onSelect=${() => pin(item)}>
        <${Icon} name="pin" /><span class="menu-text">${t(item.pinned ? "list.unpin" : "list.pin")}</span><//>
      <${MenuItem} onSelect=${() => { renaming.value = item.id; }}>
        <${Icon} name="edit" /><span class="menu-text">${t("list.rename")}</span><//>
      <${MenuItem} onSelect=${() => { moving.value = item; }}>
        <${Icon} name="folder" /><span class="menu-text">${t("list.move")}</span><//>
      <${MenuItem} onSelect=${() => { sharing.value = item; }}>
        <${Icon} name="share" /><span class="menu-text">${t("share.menu")}</span><//>
      <${MenuItem} onSelect=${() => exportConversation(item, "markdown")}>
        <${Icon} name="arrowDown" /><span class="menu-text">${t("transfer.markdown")}</span><//>
      <${MenuItem} onSelect=${() => exportConversation(item, "json")}>
        <${Icon} name="arrowDown" /><span class="menu-text">${t("transfer.json")}</span><//>
      <${MenuItem} onSelect=${() => archive(item)}>
        <${Icon} name="archive" /><span class="menu-text">${t("list.archive")}</span><//>
      <${MenuItem} onSelect=${() => remove(item)}>
        <${Icon} name="trash" /><span class="menu-text">${t("list.delete")}</span><//>
    <//>
  </li>`;
}

/**
 * Where a name is changed in its place: Enter keeps it, Escape does not.
 * @param {{name: string, label: string, onKeep: (name: string) => void, onDone: () => void}} props
 */
export function NameField({ name, label, onKeep, onDone }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const settled = useRef(false);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const finish = (/** @type {boolean} */ kept) => {
    if (settled.current) return;
    settled.current = true;
    if (kept) onKeep(field.current?.value ?? "");
    onDone();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") finish(true);
    if (event.key !== "Escape") return;
    event.stopPropagation();
    finish(false);
  };
  return html`<input class="rename" ref=${field} maxlength="200" defaultValue=${name} dir="auto"
    aria-label=${label} onKeyDown=${onKeyDown} onBlur=${() => finish(true)} />`;
}
