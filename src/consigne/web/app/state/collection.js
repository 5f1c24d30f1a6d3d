import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
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

  /** @param {T} item */
  const put = (item) => {
    const known = items.value ?? [];
    const there = known.some((other) => other.id === item.id);
    items.value = there
      ? known.map((other) => (other.id === item.id ? item : other)) : [...known, item];
  };

  return {
    items,
    put,

    async load() {
      const found = await request("GET", path).catch(() => null);
      if (found) items.value = found[field];
    },

    /**
     * Make one, or change the one of this id.
     * @param {string | null} id
     * @param {object} body
     * @param {"PUT" | "PATCH"} [how]
     * @throws {import("../api.js").ApiError}
     */
    async save(id, body, how = "PATCH") {
      put(id ? await request(how, `${path}/${id}`, body) : await request("POST", path, body));
    },

    /** Delete one, with a way back. @param {T} item */
    async remove(item) {
      try {
        await request("DELETE", `${path}/${item.id}`);
        items.value = (items.value ?? []).filter((other) => other.id !== item.id);
        const undo = async () => put(await request("POST", `${path}/${item.id}/restore`));
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
