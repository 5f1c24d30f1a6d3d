import { batch, computed, effect, signal } from "@preact/signals";

import { ApiError, request } from "../api.js";
import { openId } from "../router.js";
import { branch, followers } from "../tree.js";
import { loadList, patchShown } from "./conversations.js";
import { prefer } from "./models.js";
import { leave, listen } from "./running.js";

/**
 * The conversation being read: its messages, the branch on screen, and what is being sent.
 *
 * @typedef {import("../types.js").Conversation} Conversation
 * @typedef {import("../types.js").Message} Message
 * @typedef {{text: string, parentId: string | null}} Outgoing
 */

export const conversation = signal(/** @type {Conversation | null} */ (null));
export const messages = signal(/** @type {ReadonlyMap<string, Message>} */ (new Map()));
export const status = signal(/** @type {"new" | "loading" | "ready" | "missing" | "failed"} */ ("new"));
export const loadError = signal(/** @type {Error | null} */ (null));
export const head = signal(/** @type {string | null} */ (null));
/** What was sent and is not yet confirmed; it shows below `parentId`. */
export const outgoing = signal(/** @type {Outgoing | null} */ (null));
/** The question being rewritten, by its id. */
export const editing = signal(/** @type {string | null} */ (null));
/** Whether older messages are still on the server. */
export const older = signal(false);

/** The messages on screen, oldest first. */
export const shown = computed(() =>
  branch(messages.value, outgoing.value ? outgoing.value.parentId : head.value),
);

/** The messages that answer or follow each message. */
export const tree = computed(() => followers(messages.value));

/** The answer being written on this branch, if one is. */
export const running = computed(() => {
  const last = shown.value.at(-1);
  return last?.state === "running" ? last : undefined;
});

/** @param {Message} message */
export function put(message) {
  messages.value = new Map(messages.value).set(message.id, message);
}

/**
 * Read a conversation and follow the answer that is being written in it.
 * @param {string | null} id
 */
export async function open(id) {
  if (id !== null && conversation.peek()?.id === id && status.peek() === "ready") return;
  leave();
  reset(id === null ? "new" : "loading");
  if (id === null) return;
  try {
    const page = await request("GET", `/api/conversations/${id}`);
    if (openId.peek() !== id) return;
    take(page);
  } catch (error) {
    if (openId.peek() !== id) return;
    loadError.value = /** @type {Error} */ (error);
    status.value = error instanceof ApiError && error.status === 404 ? "missing" : "failed";
  }
}

/** Read the open conversation again, whatever is on screen. */
export function reopen() {
  const id = openId.peek();
  status.value = "loading";
  return open(id);
}

/** @param {{conversation: Conversation, messages: Message[], more: boolean}} page */
function take(page) {
  batch(() => {
    conversation.value = page.conversation;
    messages.value = new Map(page.messages.map((message) => [message.id, message]));
    head.value = page.conversation.head_id ?? page.messages.at(-1)?.id ?? null;
    older.value = page.more;
    status.value = "ready";
  });
  patchShown(page.conversation.id, page.conversation);
}

/** @param {"new" | "loading"} next */
function reset(next) {
  batch(() => {
    conversation.value = null;
    messages.value = new Map();
    head.value = null;
    outgoing.value = null;
    editing.value = null;
    older.value = false;
    loadError.value = null;
    status.value = next;
  });
}

/** Read the messages before the oldest on screen. */
export async function loadOlder() {
  const first = shown.peek()[0];
  if (!first || !conversation.value) return;
  const path = `/api/conversations/${conversation.value.id}?before=${first.id}`;
  const page = await request("GET", path);
  const found = /** @type {Message[]} */ (page.messages);
  messages.value = new Map([...found.map((m) => /** @type {const} */ ([m.id, m])), ...messages.value]);
  older.value = page.more;
}

/**
 * Send an instruction; the answer begins to come.
 *
 * @param {string} text
 * @param {string | null} parentId the answer it follows; `null` begins the conversation
 * @param {{clientId: string, model?: string, opened: (id: string) => void}} options
 * @throws {ApiError} nothing was kept; the same `clientId` makes trying again safe
 */
export async function send(text, parentId, { clientId, model, opened }) {
  outgoing.value = { text, parentId };
  try {
    const kept = conversation.peek() ?? (await begin(model, opened));
    const body = { text, parent_id: parentId, client_id: clientId, model };
    const reply = await request("POST", `/api/conversations/${kept.id}/messages`, body);
    if (conversation.peek()?.id !== kept.id) return loadList();
    batch(() => {
      put(reply.message);
      outgoing.value = null;
      follow(reply.answer, reply.run.id);
    });
    loadList();
  } catch (error) {
    outgoing.value = null;
    throw error;
  }
}

/**
 * @param {string | undefined} model
 * @param {(id: string) => void} opened
 * @returns {Promise<Conversation>}
 */
async function begin(model, opened) {
  const made = await request("POST", "/api/conversations", model ? { model } : {});
  if (openId.peek() !== null) return made;
  conversation.value = made;
  status.value = "ready";
  opened(made.id);
  return made;
}

/**
 * Have a question answered once more, beside the answers it has.
 * @param {string} questionId
 * @param {string} [model]
 */
export async function answerAgain(questionId, model) {
  const reply = await request("POST", `/api/messages/${questionId}/answers`, { model });
  follow(reply.answer, reply.run.id);
}

/**
 * Go on with an answer that was stopped or interrupted.
 * @param {Message} answer
 */
export async function goOn(answer) {
  const reply = await request("POST", `/api/messages/${answer.id}/continue`, {});
  follow(reply.answer, reply.run.id);
}

/**
 * @param {Message} answer
 * @param {string} runId
 */
function follow(answer, runId) {
  put({ ...answer, run_id: runId, state: "running" });
  head.value = answer.id;
}

export async function stop() {
  const answer = running.peek();
  if (answer?.run_id) await request("POST", `/api/runs/${answer.run_id}/stop`);
}

/**
 * Read another branch; the server remembers it.
 * @param {string} leafId
 */
export function read(leafId) {
  head.value = leafId;
  const id = conversation.peek()?.id;
  if (id) request("PATCH", `/api/conversations/${id}`, { head_id: leafId }).catch(() => {});
}

/**
 * Let another model answer from here on.
 * @param {string} model
 */
export async function chooseModel(model) {
  prefer(model);
  const current = conversation.peek();
  if (!current) return;
  conversation.value = { ...current, model };
  await request("PATCH", `/api/conversations/${current.id}`, { model }).catch(() => {});
}

/** Keep the page on the conversation that the address names, and on the answer being written. */
export function watchThread() {
  effect(() => {
    const id = openId.value;
    queueMicrotask(() => open(id));
  });
  effect(() => {
    const answer = running.value;
    if (answer?.run_id) listen(answer.run_id, hearer(answer.id));
    else leave();
  });
}

/**
 * @param {string} id
 * @returns {import("./running.js").Hearer}
 */
function hearer(id) {
  return {
    written(content) {
      const message = messages.peek().get(id);
      if (message) put({ ...message, content });
    },
    titled(title) {
      const current = conversation.peek();
      if (!current) return;
      conversation.value = { ...current, title };
      patchShown(current.id, { title });
    },
    done(message) {
      put(message);
      loadList();
    },
    gone: reopen,
  };
}
