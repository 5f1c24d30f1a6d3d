import { html } from "../html.js";
import { t } from "../i18n.js";
import { archive, moving, pin, remove } from "../state/conversations.js";
import { sharing } from "../state/shares.js";
import { exportConversation } from "../state/transfers.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/**
 * What can be done with a conversation, in the list and above the open one.
 * @param {{item: import("../types.js").Conversation, label: string, onRename: () => void}} props
 */
export function ConversationMenu({ item, label, onRename }) {
  return html`<${Menu} label=${label} button=${html`<${Icon} name="dots" />`} buttonClass="quiet square" side="end">
    <${Entry} icon="pin" text=${t(item.pinned ? "list.unpin" : "list.pin")} act=${() => pin(item)} />
    <${Entry} icon="edit" text=${t("list.rename")} act=${onRename} />
    <${Entry} icon="folder" text=${t("list.move")} act=${() => { moving.value = item; }} />
    <${Entry} icon="share" text=${t("share.menu")} act=${() => { sharing.value = item; }} />
    <${Entry} icon="arrowDown" text=${t("transfer.markdown")} act=${() => exportConversation(item, "markdown")} />
    <${Entry} icon="arrowDown" text=${t("transfer.json")} act=${() => exportConversation(item, "json")} />
    <${Entry} icon="archive" text=${t(item.archived ? "archive.restore" : "list.archive")} act=${() => archive(item)} />
    <${Entry} icon="trash" text=${t("list.delete")} act=${() => remove(item)} />
  <//>`;
}

/** @param {{icon: any, text: string, act: () => unknown}} props */
function Entry({ icon, text, act }) {
  return html`<${MenuItem} onSelect=${act}><${Icon} name=${icon} /><span class="menu-text">${text}</span><//>`;
}
