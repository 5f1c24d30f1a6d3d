import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { openId } from "../router.js";
import { keepDraft } from "./drafts.js";
import { freshness } from "./freshness.js";
import { toast } from "./toasts.js";

/**
 * The pictures that were made for whoever is signed in.
 *
 * @typedef {{id: string, model: string, prompt: string,
 *   negative_prompt: string, steps: number, guidance: number, seed: number | null, width: number,
 *   height: number, format: string, created_at: string}} Picture
 */

/** The gallery as far as it is loaded, the newest first. */
export const gallery = signal(/** @type {Picture[] | null} */ (null));
export const olderPictures = signal(false);
/** What is known to be deleted. */
export const gone = signal(/** @type {Set<string>} */ (new Set()));

const fresh = freshness();
const read = fresh.reader();

/** Load the newest pictures, or those before the oldest that is shown. @param {boolean} [more] */
export async function loadPictures(more = false) {
  try {
    await read(async () => {
      const shown = more ? (gallery.peek() ?? []) : [];
      const before = shown.at(-1)?.id;
      const page = await request("GET", `/api/pictures${before ? `?before=${before}` : ""}`);
      return { all: [...shown, ...page.pictures], older: page.more };
    }, ({ all, older }) => {
      gallery.value = all;
      olderPictures.value = older;
    });
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {string} id @returns {Promise<Picture | null>} */
export function readPicture(id) {
  return request("GET", `/api/pictures/${id}`).catch((error) => {
    toast(explain(error));
    return null;
  });
}

/** @param {string} id */
export async function deletePicture(id) {
  try {
    await fresh.change(async () => {
      await request("DELETE", `/api/pictures/${id}`);
      gone.value = new Set([...gone.peek(), id]);
      gallery.value = gallery.peek()?.filter((picture) => picture.id !== id) ?? null;
    });
    toast(t("picture.deleted"));
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** Begin to write what is to change of the last picture. */
export function beginChange() {
  keepDraft(openId.peek(), `${t("picture.changeStart")} `);
  document.getElementById("composer")?.focus();
}
