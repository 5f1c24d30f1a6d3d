import { computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { uuid } from "../platform.js";
import { textOf } from "../text.js";
import { clear, downTo, hold } from "./branch.js";

/**
 * A chat that only this page holds: the server answers and stores nothing.
 *
 * @typedef {import("../types.js").Message} Message
 */

/** Whether the chat on screen is temporary. */
export const temporary = signal(false);

/** Every message of it, of all branches, in the order they came. */
const all = signal(/** @type {ReadonlyMap<string, Message>} */ (new Map()));

/** Whether something would be lost. */
export const spoken = computed(() => temporary.value && all.value.size > 0);

addEventListener("beforeunload", (event) => {
  if (spoken.peek()) event.preventDefault();
});

/** Begin one, or end it without keeping anything. @param {boolean} on */
export function setTemporary(on) {
  all.value = new Map();
  clear();
  temporary.value = on;
}

/** Take the chat off the page; what is returned brings it back. */
export function putAside() {
  const [kept, leaf] = [all.peek(), [...all.peek().keys()].at(-1)];
  setTemporary(false);
  return () => {
    temporary.value = true;
    all.value = kept;
    if (leaf) show(leaf);
  };
}

/** @param {Message} message */
export function keepHere(message) {
  all.value = new Map(all.value).set(message.id, message);
}

/** Whether a message is one of the chat on screen. @param {string} id */
export function isHere(id) {
  return all.peek().has(id);
}

/** @param {string} id */
export function forget(id) {
  const others = new Map(all.value);
  others.delete(id);
  all.value = others;
}

/**
 * The message of a question that is about to be asked.
 * @param {string} text
 * @param {string | null} parentId
 * @returns {Message}
 */
export function question(text, parentId) {
  return {
    id: `temp_${uuid()}`, parent_id: parentId, role: "user", content: [{ type: "text", text }],
    model: null, state: "complete", stop_reason: null, error: null, usage: null, left_out: 0,
    created_at: new Date().toISOString(), run_id: null,
  };
}

/**
 * Have the branch down to a question answered.
 * @param {string} questionId
 * @param {string} [model]
 * @returns {Promise<Message>}
 */
export async function ask(questionId, model = "") {
  const reply = await request("POST", "/api/temporary", { messages: said(questionId), model });
  return { ...reply.answer, parent_id: questionId, run_id: reply.run.id };
}

/** Store the branch on screen as a conversation; its id. @param {string} leaf @param {string} [model] */
export async function keep(leaf, model = "") {
  const made = await request("POST", "/api/temporary/keep", { messages: said(leaf), model });
  return made.id;
}

/** @param {string} leaf */
function said(leaf) {
  const turns = [];
  for (const message of downTo(leaf)) {
    const turn = { role: message.role, text: textOf(message), model: message.model ?? "" };
    if (turn.text || turns.at(-1)?.role === "user") turns.push(turn);
  }
  return turns;
}

/** Read the newest branch through a message. @param {string} id */
export function show(id) {
  let leaf = id;
  for (const message of all.peek().values()) if (message.parent_id === leaf) leaf = message.id;
  /** @type {Message[]} */
  const branch = [];
  for (let at = all.peek().get(leaf); at; at = all.peek().get(at.parent_id ?? "")) branch.unshift(at);
  /** @type {Record<string, string[]>} */
  const versions = {};
  for (const message of all.peek().values()) (versions[message.parent_id ?? ""] ??= []).push(message.id);
  hold({
    conversation: /** @type {any} */ (null), leaf_id: leaf, messages: branch, versions,
    earlier: false, later: false,
  });
}
