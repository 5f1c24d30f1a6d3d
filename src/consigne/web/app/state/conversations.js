import { batch, computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { go, openId } from "../router.js";
import { toast } from "./toasts.js";

/** @typedef {import("../types.js").Conversation} Conversation */

const PAGE = 50;
/** How often the list is read while another conversation's answer is being written. */
const WATCH_MS = 4_000;

export const list = signal(/** @type {Conversation[] | null} */ (null));
export const query = signal("");
export const failed = signal(false);
const cursor = signal(/** @type {string | null} */ (null));
export const more = computed(() => cursor.value !== null);

let asked = 0;

/** Those with something in them, and the one being begun. */
export const listed = computed(() =>
  list.value?.filter((item) => item.head_id !== null || item.id === openId.value),
);

/** Read the list afresh, as the search has it. */
export async function loadList() {
  const turn = ++asked;
  try {
    const page = await read();
    if (turn !== asked) return;
    batch(() => {
      list.value = page.conversations;
      cursor.value = page.next_cursor;
      failed.value = false;
    });
  } catch {
    failed.value = turn === asked;
  }
}

export async function loadMore() {
  if (cursor.value === null) return;
  const page = await read(cursor.value).catch((error) => toast(explain(error)));
  if (!page) return;
  const known = new Set(list.value?.map((item) => item.id));
  const added = page.conversations.filter((/** @type {Conversation} */ c) => !known.has(c.id));
  list.value = [...(list.value ?? []), ...added];
  cursor.value = page.next_cursor;
}

/** @param {string} [after] */
function read(after) {
  const parameters = new URLSearchParams({ limit: String(PAGE) });
  if (query.peek().trim()) parameters.set("query", query.peek().trim());
  if (after) parameters.set("cursor", after);
  return request("GET", `/api/conversations?${parameters}`);
}

/** @param {string} words */
export function search(words) {
  query.value = words;
  return loadList();
}

/**
 * Show a conversation's new state in the list; one that was touched comes first.
 * @param {Conversation} changed
 */
export function show(changed) {
  const others = (list.value ?? []).filter((item) => item.id !== changed.id);
  const sorted = [...others, changed];
  sorted.sort((a, b) => (a.updated_at < b.updated_at ? 1 : a.updated_at > b.updated_at ? -1 : 0));
  list.value = sorted;
}

/**
 * @param {string} id
 * @param {Partial<Conversation>} fields
 */
export function patchShown(id, fields) {
  const found = list.value?.find((item) => item.id === id);
  if (found) show({ ...found, ...fields });
}

/**
 * @param {Conversation} conversation
 * @param {string} title
 */
export async function rename(conversation, title) {
  const before = conversation.title;
  if (!title.trim() || title.trim() === before) return;
  patchShown(conversation.id, { title: title.trim() });
  try {
    show(await request("PATCH", path(conversation), { title: title.trim() }));
  } catch (error) {
    patchShown(conversation.id, { title: before });
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {Conversation} conversation */
export async function remove(conversation) {
  const wasOpen = openId.peek() === conversation.id;
  list.value = (list.value ?? []).filter((item) => item.id !== conversation.id);
  if (wasOpen) go(null, { replace: true });
  try {
    await request("DELETE", path(conversation));
    const undo = async () => {
      show(await request("POST", `${path(conversation)}/restore`));
      if (wasOpen) go(conversation.id);
    };
    toast(t("list.deleted"), {
      label: t("list.undo"),
      run: () => undo().catch((error) => toast(explain(error))),
    });
  } catch (error) {
    show(conversation);
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {Conversation} conversation */
function path(conversation) {
  return `/api/conversations/${conversation.id}`;
}

/** Keep the list true: when the page is looked at again, and while answers go on elsewhere. */
export function watchList() {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) loadList();
  });
  setInterval(() => {
    const elsewhere = list.value?.some((item) => item.running && item.id !== openId.peek());
    if (elsewhere && !document.hidden) loadList();
  }, WATCH_MS);
}
