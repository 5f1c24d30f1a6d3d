import { clear, graft, head } from "./branch.js";
import { leave } from "./running.js";
import { ask, forget, isHere, keepHere, question, show } from "./temporary.js";
import { follow, reset, status } from "./thread.js";

/**
 * Ask in a chat that is stored nowhere.
 * @param {string} text
 * @param {string | null} parentId
 * @param {string} [model]
 */
export async function sendTemporarily(text, parentId, model) {
  const asked = question(text, parentId);
  const before = head.peek();
  status.value = "ready";
  keepHere(asked);
  graft(asked);
  try {
    await answerTemporarily(asked.id, model);
  } catch (error) {
    if (!isHere(asked.id)) throw error; // another chat is on screen by now
    forget(asked.id);
    if (before) show(before);
    else clear();
    throw error;
  }
}

/**
 * @param {string} questionId
 * @param {string} [model]
 */
export async function answerTemporarily(questionId, model) {
  const answer = await ask(questionId, model);
  if (!isHere(questionId)) return;
  keepHere(answer);
  follow(answer, answer.run_id ?? "");
}

/** Begin anew after a temporary chat. */
export function endTemporary() {
  leave();
  reset("new");
}
