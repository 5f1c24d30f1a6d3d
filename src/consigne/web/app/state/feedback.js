import { effect, signal } from "@preact/signals";

import { request } from "../api.js";
import { freshness } from "./freshness.js";
import { conversation } from "./thread.js";

/**
 * What the reader thinks of answers.
 *
 * @typedef {"up" | "down"} Rating
 * @typedef {{message_id: string, rating: Rating, reasons: string[], comment: string}} Opinion
 */

/** @type {Record<Rating, string[]>} */
export const REASONS = {
  up: ["correct", "clear", "complete", "style", "other"],
  down: ["wrong", "unclear", "incomplete", "off_topic", "refused", "harmful", "slow", "other"],
};

const fresh = freshness();
const read = fresh.reader();

/** What the reader thinks of the open conversation's answers, by their ids. */
export const opinions = signal(/** @type {Record<string, Opinion>} */ ({}));

/** The answer whose reasons are being given. */
export const explaining = signal(/** @type {string | null} */ (null));

/**
 * @param {string} id of the answer
 * @param {Rating} rating
 * @param {string[]} [reasons]
 * @param {string} [comment]
 */
export function rate(id, rating, reasons = [], comment = "") {
  return fresh.change(async () => {
    const body = { rating, reasons, comment };
    const kept = await request("PUT", `/api/messages/${id}/feedback`, body);
    opinions.value = { ...opinions.value, [id]: kept };
  });
}

/** @param {string} id of the answer */
export function takeBack(id) {
  return fresh.change(async () => {
    await request("DELETE", `/api/messages/${id}/feedback`);
    const { [id]: _, ...others } = opinions.value;
    opinions.value = others;
  });
}

/** Read what the reader thinks whenever another conversation is opened. */
export function watchFeedback() {
  let last = "";
  effect(() => {
    const id = conversation.value?.id ?? "";
    if (id === last) return;
    last = id;
    opinions.value = {};
    if (id) queueMicrotask(() => load(id));
  });
}

/** @param {string} id */
function load(id) {
  return read(() => request("GET", `/api/conversations/${id}/feedback`), (found) => {
    if (conversation.peek()?.id !== id) return;
    opinions.value = Object.fromEntries(
      found.feedback.map((/** @type {Opinion} */ opinion) => [opinion.message_id, opinion]));
  }).catch(() => {});
}
