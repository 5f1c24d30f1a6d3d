import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { exactTime } from "../format.js";
import { t } from "../i18n.js";
import { followLink } from "../router.js";
import { remove, rename } from "../state/conversations.js";
import { drawer } from "../state/look.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** @typedef {import("../types.js").Conversation} Conversation */

/** One line of the list. @param {{item: Conversation, open: boolean}} props */
export function ConversationItem({ item, open }) {
  const renaming = useSignal(false);
  const title = item.title || t("list.untitled");
  if (renaming.value) {
    return html`<li><${TitleField} item=${item} onDone=${() => { renaming.value = false; }} /></li>`;
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
      <${MenuItem} onSelect=${() => { renaming.value = true; }}>
        <${Icon} name="edit" /><span class="menu-text">${t("list.rename")}</span><//>
      <${MenuItem} onSelect=${() => remove(item)}>
        <${Icon} name="trash" /><span class="menu-text">${t("list.delete")}</span><//>
    <//>
  </li>`;
}

/** @param {{item: Conversation, onDone: () => void}} props */
function TitleField({ item, onDone }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const settled = useRef(false);
  useEffect(() => field.current?.select(), []);
  const finish = (/** @type {boolean} */ keep) => {
    if (settled.current) return;
    settled.current = true;
    if (keep) rename(item, field.current?.value ?? "");
    onDone();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") finish(true);
    if (event.key !== "Escape") return;
    event.stopPropagation();
    finish(false);
  };
  return html`<input class="rename" ref=${field} maxlength="200" defaultValue=${item.title} dir="auto"
    aria-label=${t("list.renameLabel")} onKeyDown=${onKeyDown} onBlur=${() => finish(true)} />`;
}
