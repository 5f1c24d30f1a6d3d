import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { freshness } from "./freshness.js";
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

const fresh = freshness();
const read = fresh.reader();

/** Load the newest files, or those before the oldest that is shown. @param {boolean} [more] */
export async function loadFiles(more = false) {
  try {
    await read(async () => {
      const shown = more ? (files.peek() ?? []) : [];
      const before = shown.at(-1)?.id;
      const page = await request("GET", `/api/documents${before ? `?before=${before}` : ""}`);
      return { all: [...shown, ...page.documents], older: page.more };
    }, ({ all, older }) => {
      files.value = all;
      olderFiles.value = older;
    });
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {GivenFile} file */
export async function deleteFile(file) {
  try {
    await fresh.change(async () => {
      await request("DELETE", `/api/documents/${file.id}`);
      files.value = files.peek()?.filter(({ id }) => id !== file.id) ?? null;
    });
    toast(t("files.deleted", { name: file.filename }));
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}
