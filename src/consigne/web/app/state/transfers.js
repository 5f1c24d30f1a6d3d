import { refusal } from "../api.js";
import { explain, t } from "../i18n.js";
import { saveFile } from "../platform.js";
import { sendImport } from "./imports.js";
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
    if (file) sendImport(file);
  });
  for (const end of ["change", "cancel"]) field.addEventListener(end, () => field.remove());
  document.body.append(field); // outside the page it may be gone before a file is chosen
  field.click();
}
