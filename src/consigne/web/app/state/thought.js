import { signal } from "@preact/signals";

/** How many seconds answers were thought about, by run; of those alone that this page saw begin. */
export const thought = signal(/** @type {Record<string, number>} */ ({}));

/** When thinking began in a run that this page asked for; 0 before. @type {Map<string, number>} */
const begun = new Map();

/** The page has just asked for this run: its thinking can be timed. @param {string} runId */
export function expectThought(runId) {
  begun.set(runId, 0);
}

/**
 * The next piece of an answer has come.
 * @param {string} runId
 * @param {string} kind "thinking", or what ends it
 */
export function timeThought(runId, kind) {
  const since = begun.get(runId);
  if (since === undefined) return;
  if (kind === "thinking") {
    if (!since) begun.set(runId, performance.now());
    return;
  }
  begun.delete(runId);
  const seconds = Math.round((performance.now() - since) / 1000);
  if (since && seconds > 0) thought.value = { ...thought.value, [runId]: seconds };
}
