import { computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { explain } from "../i18n.js";
import { freshness } from "./freshness.js";
import { session } from "./session.js";
import { toast } from "./toasts.js";

/**
 * What the organisation used.
 *
 * @typedef {{id: string, name: string, requests: number, failed: number, cancelled: number,
 *   input_tokens: number, output_tokens: number, images: number, cost: number | null}} Sum
 * @typedef {{since: string, until: string, currency: string, total: Sum, rows: Sum[],
 *   more: boolean}} Report
 */

export const DAYS = 30;
const KINDS = /** @type {const} */ (["day", "model", "key"]);

/** The last days' sums, by day, model and key; `null` until they are known. */
export const usage = signal(/** @type {Record<typeof KINDS[number], Report> | null} */ (null));

/** Whether this person may see them. */
export const maySeeUsage = computed(() => ["owner", "admin"].includes(session.value?.role ?? ""));

const read = freshness().reader();

/** Read the sums anew. */
export async function loadUsage() {
  const ask = (/** @type {string} */ by) => request("GET", `/api/usage?by=${by}&days=${DAYS}`);
  try {
    await read(() => Promise.all(KINDS.map(ask)), ([day, model, key]) => {
      usage.value = { day, model, key };
    });
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}
