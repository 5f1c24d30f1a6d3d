import { batch, computed, effect, signal } from "@preact/signals";

import { ApiError, request } from "../api.js";
import { openAt, openId } from "../router.js";
import {
  clear, downTo, earlier, extend, graft, head, hold, later, messages, put, stretch,
} from "./branch.js";
import { keep, loadList } from "./conversations.js";
import { prefer } from "./models.js";
import { leave, listen } from "./running.js";
import { keepHere, show, temporary } from "./temporary.js";
import { answerTemporarily, leaveTemporary, sendTemporarily } from "./temporary_turns.js";
import { takeMode } from "./tools.js";

/**
 * The conversation being read: the branch on screen, and what is being sent.
 *
 * @typedef {import("../types.js").Conversation} Conversation
 * @typedef {import("../types.js").Message} Message
 * @typedef {{text: string, parentId: string | null, files: import("../types.js").Attachment[]}} Outgoing
 */

export const conversation = signal(/** @type {Conversation | null} */ (null));
export const status = signal(/** @type {"new" | "loading" | "ready" | "missing" | "failed"} */ ("new"));
export const loadError = signal(/** @type {Error | null} */ (null));
/** What was sent and is not yet confirmed; it shows below `parentId`. */
export const outgoing = signal(/** @type {Outgoing | null} */ (null));
/** The question being rewritten, by its id. */
export const editing = signal(/** @type {string | null} */ (null));
/** The message to bring into view; a new object each time. */
export const sought = signal(/** @type {{id: string} | null} */ (null));

/** The messages on screen, oldest first. */
export const shown = computed(() =>
  outgoing.value ? downTo(outgoing.value.parentId) : stretch.value,
);

/** The answer being written on this branch, if one is. */
export const running = computed(() => {
  const last = shown.value.at(-1);
  return last?.state === "running" ? last : undefined;
});

/**
 * Read a conversation, at a message if one is given, and follow the answer written in it.
 * @param {string | null} id
 * @param {string | null} [at]
 */
export async function open(id, at = null) {
  if (id !== null && conversation.peek()?.id === id && status.peek() === "ready") {
    return at && seek(at);
  }
  leave();
  reset(id === null ? "new" : "loading");
  if (id === null) return;
  try {
    // A message that is gone, or none at all: the conversation opens at its end.
    const page = (at && (await read(id, "around", at).catch(() => null))) || (await read(id));
    if (openId.peek() !== id) return;
    batch(() => {
      hold(page);
      conversation.value = page.conversation;
      sought.value = at ? { id: at } : null;
      status.value = "ready";
    });
    keep(page.conversation);
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

/** @param {"new" | "loading"} next */
export function reset(next) {
  if (temporary.peek()) leaveTemporary();
  batch(() => {
    clear();
    conversation.value = null;
    outgoing.value = null;
    editing.value = null;
    sought.value = null;
    loadError.value = null;
    status.value = next;
  });
}

/**
 * @param {string} id
 * @param {"before" | "after" | "around"} [side]
 * @param {string} [message]
 * @returns {Promise<import("../types.js").Thread>}
 */
function read(id, side, message = "") {
  const where = side ? `?${new URLSearchParams({ [side]: message })}` : "";
  return request("GET", `/api/conversations/${id}${where}`);
}

let extending = false;

/**
 * Read what stands before or after the messages on screen.
 * @param {"before" | "after"} side
 */
export async function loadBeside(side) {
  const end = stretch.peek().at(side === "before" ? 0 : -1);
  const id = conversation.peek()?.id;
  const wanted = side === "before" ? earlier.peek() : later.peek();
  if (!end || !id || !wanted || extending) return;
  extending = true;
  try {
    const page = await read(id, side, end.id);
    const known = messages.peek().has(end.id);
    if (conversation.peek()?.id === id && known) extend(page, side);
  } finally {
    extending = false;
  }
}

/**
 * Bring a message of the open conversation into view, on whichever branch it stands.
 * @param {string} messageId
 */
export async function seek(messageId) {
  const id = conversation.peek()?.id;
  if (!id) return;
  if (!stretch.peek().some((message) => message.id === messageId)) {
    const page = await read(id, "around", messageId);
    if (conversation.peek()?.id !== id) return;
    hold(page);
  }
  sought.value = { id: messageId };
}

/** Bring the end of the branch into view. */
export async function toLatest() {
  const id = conversation.peek()?.id;
  if (!id || !later.peek()) return;
  const page = await read(id);
  if (conversation.peek()?.id === id) hold(page);
}

/**
 * Read another version of a message from here on; the server remembers it.
 * @param {string} messageId
 */
export async function readVersion(messageId) {
  if (temporary.peek()) return show(messageId);
  const id = conversation.peek()?.id;
  if (!id) return;
  const [page] = await Promise.all([
    read(id, "around", messageId),
    request("PATCH", `/api/conversations/${id}`, { head_id: messageId }),
  ]);
  if (conversation.peek()?.id !== id) return;
  batch(() => {
    hold(page);
    sought.value = { id: messageId };
  });
}

/**
 * Send an instruction; the answer begins to come.
 *
 * @param {string} text
 * @param {string | null} parentId the answer it follows; `null` begins the conversation
 * @param {{clientId: string, model?: string, files?: import("../types.js").Attachment[],
 *   opened: (id: string) => void}} options
 * @throws {ApiError} nothing was kept; the same `clientId` makes trying again safe
 */
export async function send(text, parentId, { clientId, model, files = [], opened }) {
  if (temporary.peek()) return sendTemporarily(text, parentId, model);
  try {
    if (later.peek() && parentId === head.peek()) await toLatest();
    outgoing.value = { text, parentId, files };
    const kept = conversation.peek() ?? (await begin(model, opened));
    const body = {
      text, parent_id: parentId, client_id: clientId, model, mode: takeMode(),
      ...(files.length ? { attachments: files.map(({ id }) => id) } : {}),
    };
    const reply = await request("POST", `/api/conversations/${kept.id}/messages`, body);
    if (conversation.peek()?.id !== kept.id) return loadList();
    // The reader may have gone to another version meanwhile: then what was sent is shown afresh.
    const elsewhere = parentId !== null && !messages.peek().has(parentId);
    const page = elsewhere ? await read(kept.id) : null;
    batch(() => {
      outgoing.value = null;
      if (page) return hold(page);
      graft(reply.message);
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
  if (temporary.peek()) return answerTemporarily(questionId, model);
  const reply = await request("POST", `/api/messages/${questionId}/answers`, { model });
  follow(reply.answer, reply.run.id);
}

/**
 * Go on with an answer that was stopped or interrupted.
 * @param {Message} answer
 */
export async function goOn(answer) {
  if (temporary.peek() && answer.parent_id) return answerTemporarily(answer.parent_id);
  const reply = await request("POST", `/api/messages/${answer.id}/continue`, {});
  follow(reply.answer, reply.run.id);
}

/**
 * @param {Message} answer
 * @param {string} runId
 */
export function follow(answer, runId) {
  graft({ ...answer, run_id: runId, state: "running" });
}

export async function stop() {
  const answer = running.peek();
  if (answer?.run_id) await request("POST", `/api/runs/${answer.run_id}/stop`);
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
    const [id, at] = [openId.value, openAt.value];
    queueMicrotask(() => open(id, at)?.catch(() => {}));
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
    cited(found) {
      const message = messages.peek().get(id);
      if (!message) return;
      const known = message.sources ?? [];
      const fresh = found.filter(({ number }) => !known.some((one) => one.number === number));
      if (fresh.length) put({ ...message, sources: [...known, ...fresh] });
    },
    titled(title) {
      const current = conversation.peek();
      if (!current) return;
      conversation.value = { ...current, title };
      keep({ ...current, title });
    },
    done(message) {
      // The parent's name in a temporary chat is this page's own.
      const whole = { ...message, parent_id: messages.peek().get(id)?.parent_id ?? null };
      put(whole);
      if (temporary.peek()) keepHere(whole);
      else loadList();
    },
    gone: reopen,
  };
}
