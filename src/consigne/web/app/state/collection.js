import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { freshness } from "./freshness.js";
import { toast } from "./toasts.js";

/**
 * Things of one kind that the server keeps, and what can be done to all of them alike.
 *
 * @template {{id: string}} T
 * @param {string} path where they live
 * @param {string} field the list's name in the server's answer
 * @param {string} deleted the key of the words for a deletion
 */
export function collection(path, field, deleted) {
  const items = signal(/** @type {T[] | null} */ (null));
  const fresh = freshness();
  const read = fresh.reader();

  /** @param {T} item */
  const put = (item) => {
    const known = items.value ?? [];
    const there = known.some((other) => other.id === item.id);
    items.value = there
      ? known.map((other) => (other.id === item.id ? item : other)) : [...known, item];
  };

  /**
   * Change one on the server, and keep what it answers.
   * @param {() => Promise<T>} work
   * @throws {import("../api.js").ApiError}
   */
  const change = (work) => fresh.change(async () => put(await work()));

  return {
    items,
    put,
    change,
    fresh,

    load() {
      return read(() => request("GET", path), (found) => { items.value = found[field]; })
        .catch(() => {});
    },

    /**
     * Make one, or change the one of this id.
     * @param {string | null} id
     * @param {object} body
     * @param {"PUT" | "PATCH"} [how]
     * @throws {import("../api.js").ApiError}
     */
    save(id, body, how = "PATCH") {
      return change(() => (
        id ? request(how, `${path}/${id}`, body) : request("POST", path, body)));
    },

    /** Delete one, with a way back. @param {T} item */
    async remove(item) {
      try {
        await fresh.change(async () => {
          await request("DELETE", `${path}/${item.id}`);
          items.value = (items.value ?? []).filter((other) => other.id !== item.id);
        });
        const undo = () => change(() => request("POST", `${path}/${item.id}/restore`));
        toast(t(deleted), {
          label: t("list.undo"),
          run: () => { undo().catch((error) => toast(explain(error))); },
        });
      } catch (error) {
        toast(explain(/** @type {Error} */ (error)));
      }
    },
  };
}
