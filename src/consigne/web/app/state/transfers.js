import { refusal } from "../api.js";
import { explain, t } from "../i18n.js";
import { saveFile } from "../platform.js";
import { loadList } from "./conversations.js";
import { toast } from "./toasts.js";

/** Taking conversations out as files, and in. */

/**
 * @param {import("../types.js").Conversation} conversation
 * @param {"markdown" | "json"} format
 */
export function exportConversation(conversation, format) {
  const title = (conversation.title || t("list.untitled")).replace(/[^\p{L}\p{N} ._-]+/gu, " ").trim();
  const ending = format === "markdown" ? "md" : "json";
  return save(`/api/conversations/${conversation.id}/export?format=${format}`, `${title.slice(0, 80)}.${ending}`);
}

export function exportEverything() {
  return save("/api/export", "conversations.json");
}

/**
 * @param {string} path
 * @param {string} name
 */
async function save(path, name) {
  try {
    const response = await fetch(path);
    if (!response.ok) throw await refusal(response, path);
    saveFile(name, await response.blob());
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** Let the person choose a file of conversations, and take it in. */
export function chooseImport() {
  const field = document.createElement("input");
  field.type = "file";
  field.accept = ".json,.zip,application/json,application/zip";
  field.hidden = true;
  field.addEventListener("change", () => {
    const file = field.files?.[0];
    if (file) take(file);
  });
  for (const end of ["change", "cancel"]) field.addEventListener(end, () => field.remove());
  document.body.append(field); // outside the page it may be gone before a file is chosen
  field.click();
}

/** @param {File} file */
async function take(file) {
  toast(t("transfer.reading", { name: file.name }));
  try {
    const path = "/api/import";
    const headers = { "content-type": "application/octet-stream", accept: "application/json" };
    const response = await fetch(path, { method: "POST", body: file, headers });
    if (!response.ok) throw await refusal(response, path);
    toast(told(await response.json()));
    loadList();
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {{conversations: number, left_out: {what: string, count: number}[]}} taken */
function told(taken) {
  const left = taken.left_out.map(({ what, count }) => t(`transfer.left.${what}`, { count }));
  const done = t("transfer.taken", { count: taken.conversations });
  return left.length ? `${done} ${t("transfer.leftOut", { list: left.join(", ") })}` : done;
}
