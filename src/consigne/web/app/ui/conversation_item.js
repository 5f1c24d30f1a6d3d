import { useEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { exactTime } from "../format.js";
import { t } from "../i18n.js";
import { followLink } from "../router.js";
import { rename, renaming } from "../state/conversations.js";
import { drawer } from "../state/look.js";
import { ConversationMenu } from "./conversation_menu.js";

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
    <${ConversationMenu} item=${item} label=${t("list.options", { title })}
      onRename=${() => { renaming.value = item.id; }} />
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
