import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { openId } from "../router.js";
import { hasMore, inFolder, loadMore } from "../state/conversations.js";
import { createFolder, folders, removeFolder, renameFolder, toggle, unfolded } from "../state/folders.js";
import { overlay } from "../state/look.js";
import { ConversationItem, NameField } from "./conversation_item.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** @typedef {import("../types.js").Folder} Folder */

/** The folders of the list, each with its conversations once it is opened. */
export function Folders() {
  const naming = useSignal(false);
  const make = (/** @type {string} */ name) => name.trim() && createFolder(name);
  return html`<section class="folders">
    <div class="section-head">
      <h2>${t("folder.title")}</h2>
      <button type="button" class="quiet square small-square" aria-label=${t("folder.new")}
        title=${t("folder.new")} onClick=${() => { naming.value = true; }}><${Icon} name="plus" /></button>
    </div>
    ${naming.value && html`<${NameField} name="" label=${t("folder.name")} onKeep=${make}
      onDone=${() => { naming.value = false; }} />`}
    ${folders.value.length > 0 && html`<ul>${folders.value.map((folder) =>
      html`<${FolderItem} key=${folder.id} folder=${folder} />`)}</ul>`}
    <button type="button" class="archived-link" onClick=${() => { overlay.value = "archive"; }}>
      <${Icon} name="archive" />${t("archive.title")}</button>
  </section>`;
}

/** @param {{folder: Folder}} props */
function FolderItem({ folder }) {
  const renaming = useSignal(false);
  const open = unfolded.value.has(folder.id);
  useEffect(() => {
    if (open) loadMore(folder.id);
  }, [open]);
  if (renaming.value) {
    return html`<li><${NameField} name=${folder.name} label=${t("folder.name")}
      onKeep=${(/** @type {string} */ name) => renameFolder(folder, name)}
      onDone=${() => { renaming.value = false; }} /></li>`;
  }
  return html`<li>
    <div class="item folder">
      <button type="button" class="folder-name" aria-expanded=${open} dir="auto"
        onClick=${() => toggle(folder.id)}><${Icon} name=${open ? "down" : "right"} />
        <span>${folder.name}</span></button>
      <${Menu} label=${t("folder.options", { name: folder.name })} button=${html`<${Icon} name="dots" />`}
        buttonClass="quiet square" side="end">
        <${MenuItem} onSelect=${() => { renaming.value = true; }}>
          <${Icon} name="edit" /><span class="menu-text">${t("list.rename")}</span><//>
        <${MenuItem} onSelect=${() => removeFolder(folder)}>
          <${Icon} name="trash" /><span class="menu-text">${t("folder.delete")}</span><//>
      <//>
    </div>
    ${open && html`<${Content} folder=${folder} />`}
  </li>`;
}

/** @param {{folder: Folder}} props */
function Content({ folder }) {
  const items = inFolder(folder.id);
  if (!items.length && !hasMore(folder.id)) return html`<p class="muted pad small">${t("folder.empty")}</p>`;
  return html`<ul class="folder-content">${items.map((item) => html`<${ConversationItem}
      key=${item.id} item=${item} open=${item.id === openId.value} />`)}</ul>
    ${items.length > 0 && hasMore(folder.id) && html`<button type="button" class="plain older"
      onClick=${() => loadMore(folder.id)}>${t("list.more")}</button>`}`;
}
