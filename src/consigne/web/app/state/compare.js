import { batch, computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { besideId, graft, messages } from "./branch.js";
import { modelFor, writers } from "./models.js";
import { conversation } from "./thread.js";

/** Two models side by side: both answer the next instruction, and the reader goes on with one. */

/** The model that answers beside the first, by its id. */
export const second = signal(/** @type {string | null} */ (null));

/** Those that can answer beside the one that answers next. */
export const others = computed(() => {
  const first = modelFor(conversation.value?.model)?.id;
  return writers.value.filter((model) => model.id !== first);
});

export const secondModel = computed(() => others.value.find(({ id }) => id === second.value));

/**
 * Go on with this answer; the other stays as a version of it.
 * @param {string} messageId
 */
export async function choose(messageId) {
  const id = conversation.peek()?.id;
  const model = messages.peek().get(messageId)?.model ?? null;
  const change = { head_id: messageId, ...(model ? { model } : {}) };
  await request("PATCH", `/api/conversations/${id}`, change);
  const current = conversation.peek();
  const message = messages.peek().get(messageId);
  if (!current || current.id !== id || !message) return;
  batch(() => {
    graft(message);
    besideId.value = null;
    conversation.value = { ...current, model: model ?? current.model };
  });
}
