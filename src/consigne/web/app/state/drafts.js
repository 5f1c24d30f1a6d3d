import { signal } from "@preact/signals";

import { storage } from "../storage.js";
import { temporary } from "./temporary.js";

/** What is being written, by conversation (`""` is the new one). */
const drafts = signal(/** @type {Record<string, string>} */ ({}));

/**
 * The draft of a conversation, as it was left, also before a reload.
 * @param {string | null} conversation
 */
export function draft(conversation) {
  const key = conversation ?? "";
  return drafts.value[key] ?? storage.get(`draft.${key}`) ?? "";
}

/**
 * @param {string | null} conversation
 * @param {string} text
 */
export function keepDraft(conversation, text) {
  const key = conversation ?? "";
  drafts.value = { ...drafts.value, [key]: text };
  if (!temporary.peek()) storage.set(`draft.${key}`, text || null);
}
