import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { toast } from "./toasts.js";

/**
 * The files that whoever is signed in has given.
 *
 * @typedef {{id: string, name: string}} Named
 * @typedef {import("../types.js").Attachment & {pages: number | null, passages: number,
 *   indexed: number, cut: boolean, created_at: string, conversations: Named[],
 *   assistants: Named[], projects: Named[]}} GivenFile
 */

/** As far as they are loaded, the newest first. */
export const files = signal(/** @type {GivenFile[] | null} */ (null));
export const olderFiles = signal(false);

/** Load the newest files, or those before the oldest that is shown. @param {boolean} [more] */
export async function loadFiles(more = false) {
  const shown = more ? (files.peek() ?? []) : [];
  const before = shown.at(-1)?.id;
  try {
    const page = await request("GET", `/api/documents${before ? `?before=${before}` : ""}`);
    files.value = [...shown, ...page.documents];
    olderFiles.value = page.more;
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {GivenFile} file */
export async function deleteFile(file) {
  try {
    await request("DELETE", `/api/documents/${file.id}`);
    files.value = files.peek()?.filter(({ id }) => id !== file.id) ?? null;
    toast(t("files.deleted", { name: file.filename }));
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}
