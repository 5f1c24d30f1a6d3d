import { batch, computed, effect, signal } from "@preact/signals";

import { ApiError, request } from "../api.js";
import { openAt, openId } from "../router.js";
import {
  beside, besideId, clear, downTo, earlier, extend, goOnAfter, graft, hold, later, messages, put, stretch,
} from "./branch.js";
import { conversationOf, keep, loadList } from "./conversations.js";
import { turns } from "./freshness.js";
import { leave, listen, listenOnly } from "./running.js";
import { keepHere, show, temporary } from "./temporary.js";
import { leaveTemporary } from "./temporary_leave.js";
import { expectThought } from "./thought.js";

/**
 * The conversation being read: the branch on screen. What a reader does to it: `turns.js`.
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

/** Whether what is open is known, so that something can be sent in it. */
export const writable = computed(() => status.value === "new" || status.value === "ready");

/** The messages on screen, oldest first. */
export const shown = computed(() =>
  outgoing.value ? downTo(outgoing.value.parentId) : stretch.value,
);

/** The answers being written at the end of this branch: one, or two side by side. */
export const written = computed(() =>
  [shown.value.at(-1), beside.value].flatMap((one) => (one?.state === "running" ? one : [])),
);

/** The first of them, if one is. */
export const running = computed(() => written.value.at(0));

/** Going elsewhere, in the conversation or to another: what was asked for before comes too late. */
export const move = turns();

/**
 * Read a conversation, at a message if one is given, and follow the answer written in it.
 * @param {string | null} id
 * @param {string | null} [at]
 */
export async function open(id, at = null) {
  if (id !== null && conversation.peek()?.id === id && status.peek() === "ready") {
    return at && seek(at);
  }
  const here = move();
  leave();
  reset(id === null ? "new" : "loading");
  if (id === null) return;
  const before = conversationOf(id);
  try {
    // A message that is gone, or none at all: the conversation opens at its end.
    const page = (at && (await read(id, "around", at).catch(() => null))) || (await read(id));
    if (!here()) return;
    batch(() => {
      hold(page);
      conversation.value = page.conversation;
      sought.value = at ? { id: at } : null;
      status.value = "ready";
    });
    if (conversationOf(id) === before) keep(page.conversation); // else this is known better
  } catch (error) {
    if (!here()) return;
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
  if (temporary.peek()) leaveTemporary(() => { status.value = "ready"; });
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
export function read(id, side, message = "") {
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
    const still = stretch.peek().at(side === "before" ? 0 : -1)?.id === end.id;
    if (conversation.peek()?.id === id && still) extend(page, side);
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
  const here = move();
  if (!stretch.peek().some((message) => message.id === messageId)) {
    const page = await read(id, "around", messageId);
    if (!here()) return;
    hold(page);
  }
  sought.value = { id: messageId };
}

/** Bring the end of the branch into view. */
export async function toLatest() {
  const id = conversation.peek()?.id;
  if (!id || !later.peek()) return;
  const here = move();
  const page = await read(id);
  if (here()) hold(page);
}

/**
 * Read another version of a message from here on; the server remembers it.
 * @param {string} messageId
 */
export async function readVersion(messageId) {
  if (temporary.peek()) return show(messageId);
  const id = conversation.peek()?.id;
  if (!id) return;
  const here = move();
  const [page] = await Promise.all([
    read(id, "around", messageId),
    request("PATCH", `/api/conversations/${id}`, { head_id: messageId }),
  ]);
  if (!here()) return;
  batch(() => {
    hold(page);
    sought.value = { id: messageId };
  });
}

/**
 * Follow an answer, if what it answers is still being read.
 * @param {Message} answer
 * @param {string} runId
 */
export function follow(answer, runId) {
  if (!stretch.peek().some(({ id }) => id === answer.parent_id)) return;
  move();
  expectThought(runId);
  const begun = { ...answer, run_id: runId, state: /** @type {const} */ ("running") };
  if (answer.id === besideId.peek()) put(begun);
  else graft(begun);
}

let catchingUp = false;

/** Whether what another page wrote in this conversation can be put below what is on screen. */
function idle() {
  return status.peek() === "ready" && !temporary.peek() && !outgoing.peek() && !editing.peek()
    && !written.peek().length && !later.peek() && !document.hidden;
}

/** Show what was written in the open conversation on another device or in another window. */
async function catchUp() {
  const id = conversation.peek()?.id;
  if (catchingUp || !id || !idle()) return;
  catchingUp = true;
  const [before, last] = stretch.peek().slice(-2);
  try {
    // From the last but one: the last itself may have been answered anew, or gone on with.
    const page = last && (await read(id, "after", before.id).catch(orNothing));
    const whole = page ? null : await read(id);
    const same = conversation.peek()?.id === id && stretch.peek().at(-1) === (last ?? before);
    if (!same || !idle()) return;
    batch(() => {
      if (page) goOnAfter(before.id, page);
      else if (whole) hold(whole);
      conversation.value = (page ?? whole)?.conversation ?? null;
    });
  } finally {
    catchingUp = false;
  }
}

/** @param {unknown} error thrown again, unless the branch that is read has no such message any more */
function orNothing(error) {
  if (error instanceof ApiError && error.status === 404) return null;
  throw error;
}

function watchOthers() {
  const look = () => { catchUp().catch(() => {}); };
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  addEventListener("online", look);
}

/** Keep the page on the conversation that the address names, and on the answer being written. */
export function watchThread() {
  watchOthers();
  effect(() => {
    const [id, at] = [openId.value, openAt.value];
    queueMicrotask(() => open(id, at)?.catch(() => {}));
  });
  effect(() => {
    const runs = written.value.flatMap(({ id, run_id }) => (run_id ? [{ id, run_id }] : []));
    listenOnly(runs.map(({ run_id }) => run_id));
    for (const { id, run_id } of runs) listen(run_id, hearer(id));
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
      keep({ ...(conversationOf(current.id) ?? current), title });
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
