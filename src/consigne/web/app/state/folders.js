import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { storage } from "../storage.js";
import { freshness } from "./freshness.js";
import { toast } from "./toasts.js";

/** @typedef {import("../types.js").Folder} Folder */

export const folders = signal(/** @type {Folder[]} */ ([]));
/** The folders that are open in the list, by their ids; this browser remembers them. */
export const unfolded = signal(new Set((storage.get("folders") ?? "").split(" ").filter(Boolean)));

const fresh = freshness();
const read = fresh.reader();

export function loadFolders() {
  return read(() => request("GET", "/api/folders"), (found) => { folders.value = found.folders; })
    .catch(() => {});
}

/** @param {string} id */
export function toggle(id) {
  const next = new Set(unfolded.peek());
  if (!next.delete(id)) next.add(id);
  unfolded.value = next;
  storage.set("folders", [...next].join(" ") || null);
}

/**
 * Make a folder; `null` if that failed, which is said.
 * @param {string} name
 * @returns {Promise<Folder | null>}
 */
export async function createFolder(name) {
  try {
    return await fresh.change(async () => {
      const made = await request("POST", "/api/folders", { name });
      put(made);
      return made;
    });
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
    return null;
  }
}

/**
 * @param {Folder} folder
 * @param {string} name
 */
export async function renameFolder(folder, name) {
  if (!name.trim() || name.trim() === folder.name) return;
  put({ ...folder, name: name.trim() });
  try {
    await fresh.change(async () => put(await request("PATCH", `/api/folders/${folder.id}`, { name })));
  } catch (error) {
    put(folder);
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** Delete a folder; what lies in it goes back to the list. @param {Folder} folder */
export async function removeFolder(folder) {
  folders.value = folders.value.filter((other) => other.id !== folder.id);
  try {
    await fresh.change(() => request("DELETE", `/api/folders/${folder.id}`));
    const undo = () => fresh.change(async () =>
      put(await request("POST", `/api/folders/${folder.id}/restore`)));
    toast(t("folder.deleted"), {
      label: t("list.undo"),
      run: () => undo().catch((error) => toast(explain(error))),
    });
  } catch (error) {
    put(folder);
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {Folder} folder */
function put(folder) {
  const others = folders.value.filter((other) => other.id !== folder.id);
  folders.value = [...others, folder].sort((a, b) => a.name.localeCompare(b.name));
}
