import { batch, computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { go, openId } from "../router.js";
import { folders, loadFolders } from "./folders.js";
import { freshness } from "./freshness.js";
import { loadProjects, projectIds } from "./projects.js";
import { toast } from "./toasts.js";

/**
 * @typedef {import("../types.js").Conversation} Conversation
 * @typedef {{cursor: string | null, known: boolean}} Progress how far a place of the list was read
 */

const PAGE = 50;
const MOST_PINNED = 200;
/** How often the list is read while another conversation's answer is being written. */
const WATCH_MS = 4_000;

/** Every conversation that this page has read of, by its id. */
const known = signal(/** @type {ReadonlyMap<string, Conversation>} */ (new Map()));
/** How far each place was read: "recent", "archived", a folder's or a project's id. */
const read = signal(/** @type {Record<string, Progress>} */ ({}));
/** Those deleted here: what the server said of them before must not bring them back. */
const deleted = new Set();
export const failed = signal(false);
/** The conversation whose title is being changed in the list, and the one to be moved. */
export const renaming = signal(/** @type {string | null} */ (null));
/** The open one, while its title is being changed above it. */
export const retitling = signal(/** @type {string | null} */ (null));
export const moving = signal(/** @type {Conversation | null} */ (null));

const fresh = freshness();
const readList = fresh.reader();
/** The latest change to each conversation: the answers to those before it are not shown. */
const changing = new Map();

/** All of them, those written in last first. */
const sorted = computed(() => [...known.value.values()].sort(later));
const listed = computed(() => sorted.value.filter((item) => !item.archived && begun(item)));
const folderIds = computed(() => new Set(folders.value.map((folder) => folder.id)));

export const pinned = computed(() => listed.value.filter((item) => item.pinned));
export const archived = computed(() => sorted.value.filter((item) => item.archived));
/** Those that are neither pinned nor in a folder or project; `null` until read. */
export const recent = computed(() => (read.value.recent
  ? listed.value.filter((item) => !item.pinned && !folderIds.value.has(item.folder_id ?? "")
    && !projectIds.value.has(item.project_id ?? ""))
  : null));

/** @param {string} folder */
export function inFolder(folder) {
  return listed.value.filter((item) => item.folder_id === folder);
}

/** @param {string} project */
export function inProject(project) {
  return listed.value.filter((item) => item.project_id === project);
}

/** The order of the sidebar, from top to bottom. */
export const inOrder = computed(() => [
  ...pinned.value,
  ...folders.value.flatMap((folder) => inFolder(folder.id).filter((item) => !item.pinned)),
  ...(recent.value ?? []),
]);

/** @param {string | null} id */
export function conversationOf(id) {
  return known.value.get(id ?? "");
}

/**
 * Whether a place has more than was read.
 * @param {string} place
 */
export function hasMore(place) {
  return read.value[place]?.cursor !== null;
}

/** Those with something in them, and the one being begun. @param {Conversation} item */
function begun(item) {
  return item.head_id !== null || item.id === openId.value;
}

/**
 * @param {Conversation} a
 * @param {Conversation} b
 */
function later(a, b) {
  if (a.updated_at !== b.updated_at) return a.updated_at < b.updated_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}

/** Read the list afresh: the pinned, and the first of the others. */
export async function loadList() {
  const ask = () => Promise.all([fetchPage("recent"), fetchPage("pinned", MOST_PINNED)]);
  try {
    await readList(ask, ([page, pins]) => batch(() => {
      const last = page.next_cursor ? page.conversations.at(-1)?.updated_at ?? "" : "";
      const span = (recent.peek() ?? []).filter((item) => item.updated_at >= last);
      takeIn([...page.conversations, ...pins.conversations], [...span, ...pinned.peek()]);
      // What was read beyond the first page stays, so its cursor does too.
      const before = read.peek().recent;
      if (!before || before.cursor === null || page.next_cursor === null) {
        read.value = { ...read.peek(), recent: { cursor: page.next_cursor, known: true } };
      }
      failed.value = false;
    }));
  } catch {
    failed.value = true;
  }
}

/**
 * Read more of a place: its first page, or the next.
 * @param {string} place
 */
export async function loadMore(place) {
  const cursor = read.peek()[place]?.cursor;
  if (cursor === null) return;
  await readPlace(place, cursor, () => []);
}

/** Read the first page of a project's conversations afresh. @param {string} project */
export async function loadProject(project) {
  await readPlace(project, "", (last) => inProject(project).filter((item) => item.updated_at >= last));
}

/**
 * @param {string} place
 * @param {string | undefined} cursor
 * @param {(last: string) => Conversation[]} stale what was known of the span down to a time
 */
async function readPlace(place, cursor, stale) {
  await fresh.reader()(() => fetchPage(place, PAGE, cursor), (page) => batch(() => {
    const last = page.next_cursor ? page.conversations.at(-1)?.updated_at ?? "" : "";
    takeIn(page.conversations, stale(last));
    read.value = { ...read.peek(), [place]: { cursor: page.next_cursor, known: true } };
  })).catch((error) => toast(explain(error)));
}

/**
 * @param {string} place
 * @param {number} [limit]
 * @param {string} [cursor]
 * @returns {Promise<{conversations: Conversation[], next_cursor: string | null}>}
 */
function fetchPage(place, limit = PAGE, cursor = "") {
  const parameters = new URLSearchParams({ place, limit: String(limit) });
  if (cursor) parameters.set("cursor", cursor);
  return request("GET", `/api/conversations?${parameters}`);
}

/**
 * Take in what the server says, in place of what was known where it speaks of it.
 * @param {Conversation[]} fresh
 * @param {Conversation[]} stale
 */
function takeIn(fresh, stale) {
  const next = new Map(known.peek());
  for (const item of stale) next.delete(item.id);
  for (const item of fresh) if (!deleted.has(item.id)) next.set(item.id, item);
  known.value = next;
}

/**
 * Know a conversation as it is now.
 * @param {Conversation} conversation
 */
export function keep(conversation) {
  if (deleted.has(conversation.id)) return;
  known.value = new Map(known.peek()).set(conversation.id, conversation);
}

/** @param {string} id */
function forget(id) {
  deleted.add(id);
  const next = new Map(known.peek());
  next.delete(id);
  known.value = next;
}

/** Know a deleted conversation again. @param {Conversation} conversation */
function recall(conversation) {
  deleted.delete(conversation.id);
  keep(conversation);
}

/**
 * Change a conversation: here at once, then on the server; says whether that worked.
 * @param {Conversation} conversation
 * @param {Partial<Conversation>} fields
 */
export async function change(conversation, fields) {
  const names = /** @type {(keyof Conversation)[]} */ (Object.keys(fields));
  const before = Object.fromEntries(names.map((name) => [name, conversation[name]]));
  const show = (/** @type {Partial<Conversation>} */ values) =>
    keep({ ...(conversationOf(conversation.id) ?? conversation), ...values });
  show(fields);
  changing.set(conversation.id, fields);
  try {
    const out = Object.entries(fields).map(([name, value]) => [name, value ?? ""]);
    await fresh.change(async () => {
      const now = await request("PATCH", path(conversation), Object.fromEntries(out));
      if (changing.get(conversation.id) === fields) keep(now);
    });
    return true;
  } catch (error) {
    show(before);
    toast(explain(/** @type {Error} */ (error)));
    return false;
  }
}

/**
 * @param {Conversation} conversation
 * @param {string} title
 */
export async function rename(conversation, title) {
  const wanted = title.trim();
  if (wanted && wanted !== conversation.title) await change(conversation, { title: wanted });
}

/** @param {Conversation} conversation */
export function pin(conversation) {
  const now = !conversation.pinned;
  return change(conversation, { pinned: now, archived: now ? false : conversation.archived });
}

/** Put a conversation into the archive, or take it back. @param {Conversation} conversation */
export async function archive(conversation) {
  const { pinned: before } = conversation;
  const into = !conversation.archived;
  const wasOpen = openId.peek() === conversation.id;
  const done = await change(conversation, { archived: into, pinned: into ? false : before });
  if (!done || !into) return;
  if (wasOpen) go(null, { replace: true });
  const back = async () => {
    const kept = known.peek().get(conversation.id) ?? conversation;
    await change(kept, { archived: false, pinned: before });
    if (wasOpen) go(conversation.id);
  };
  toast(t("list.archived"), { label: t("list.undo"), run: back });
}

/** @param {Conversation} conversation */
export async function remove(conversation) {
  const wasOpen = openId.peek() === conversation.id;
  forget(conversation.id);
  if (wasOpen) go(null, { replace: true });
  try {
    await fresh.change(() => request("DELETE", path(conversation)));
    const undo = async () => {
      await fresh.change(async () =>
        recall(await request("POST", `${path(conversation)}/restore`)));
      if (wasOpen) go(conversation.id);
    };
    toast(t("list.deleted"), {
      label: t("list.undo"),
      run: () => undo().catch((error) => toast(explain(error))),
    });
  } catch (error) {
    recall(conversation);
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {Conversation} conversation */
function path(conversation) {
  return `/api/conversations/${conversation.id}`;
}

/**
 * Go to the conversation above or below the open one.
 * @param {1 | -1} step
 */
export function goBeside(step) {
  const ids = inOrder.peek().map((item) => item.id);
  const at = ids.indexOf(openId.peek() ?? "");
  const next = at < 0 ? ids.at(step > 0 ? 0 : -1) : ids[at + step];
  if (next) go(next);
}

/** Keep the list true: when the page is looked at again, and while answers go on elsewhere. */
export function watchList() {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    loadList();
    loadFolders();
    loadProjects();
  });
  setInterval(() => {
    const elsewhere = listed.peek().some((item) => item.running && item.id !== openId.peek());
    if (elsewhere && !document.hidden) loadList();
  }, WATCH_MS);
}
