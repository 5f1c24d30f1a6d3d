import { batch, computed, signal } from "@preact/signals";

/**
 * The part of a conversation that this page holds: one stretch of the branch that is read, each of
 * its messages, and the versions that stand in their place.
 *
 * @typedef {import("../types.js").Conversation} Conversation
 * @typedef {import("../types.js").Message} Message
 * @typedef {import("../types.js").Thread} Thread
 */

export const messages = signal(/** @type {ReadonlyMap<string, Message>} */ (new Map()));
/** The stretch, root first; the messages between its ends follow one another. */
const path = signal(/** @type {string[]} */ ([]));
/** The ids of messages that stand in each other's place, by their parent's (`""`: the first). */
const versions = signal(/** @type {Record<string, string[]>} */ ({}));
/** The leaf of the branch. */
export const head = signal(/** @type {string | null} */ (null));
/** Whether the branch goes on before the stretch, and after it. */
export const earlier = signal(false);
export const later = signal(false);
/** The second model's answer beside the leaf, by its id, until one of the two is chosen. */
export const besideId = signal(/** @type {string | null} */ (null));
export const beside = computed(() => messages.value.get(besideId.value ?? ""));

/** The messages of the stretch. */
export const stretch = computed(() => found(path.value));

/** @param {string[]} ids */
function found(ids) {
  const known = messages.value;
  return ids.flatMap((id) => known.get(id) ?? []);
}

/** @param {Message} message */
export function put(message) {
  messages.value = new Map(messages.value).set(message.id, message);
}

export function clear() {
  batch(() => {
    messages.value = new Map();
    path.value = [];
    versions.value = {};
    head.value = null;
    earlier.value = later.value = false;
    besideId.value = null;
  });
}

/**
 * Hold this stretch in place of what was held.
 * @param {Thread} page
 */
export function hold(page) {
  batch(() => {
    messages.value = new Map(page.messages.map((message) => [message.id, message]));
    path.value = page.messages.map((message) => message.id);
    versions.value = page.versions;
    head.value = page.leaf_id;
    earlier.value = page.earlier;
    later.value = page.later;
    setBeside(page.beside ?? null);
  });
}

/** @param {Message | null} message the second model's answer beside the leaf */
export function setBeside(message) {
  if (message) put(message);
  besideId.value = message?.id ?? null;
}

/**
 * Put what stands before or after the stretch to it.
 * @param {Thread} page
 * @param {"before" | "after"} side
 */
export function extend(page, side) {
  const ids = page.messages.map((message) => message.id);
  batch(() => {
    const added = new Map(messages.value);
    for (const message of page.messages) added.set(message.id, message);
    messages.value = added;
    versions.value = { ...versions.value, ...page.versions };
    if (side === "before") {
      path.value = [...ids, ...path.value];
      earlier.value = page.earlier;
    } else {
      path.value = [...path.value, ...ids];
      later.value = page.later;
      setBeside(page.beside ?? null);
    }
  });
}

/**
 * Let the branch go on after a message as the server says, whatever stood there.
 * @param {string} id
 * @param {Thread} page what stands after it
 */
export function goOnAfter(id, page) {
  batch(() => {
    path.value = path.value.slice(0, path.value.indexOf(id) + 1);
    extend(page, "after");
    head.value = page.leaf_id;
  });
}

/**
 * The stretch down to a message; empty for `null`, which stands before the first.
 * @param {string | null} id
 */
export function downTo(id) {
  return found(path.value.slice(0, path.value.indexOf(id ?? "") + 1));
}

/**
 * Let a new message end the branch, after its parent; what stood there becomes another version.
 * @param {Message} message
 */
export function graft(message) {
  const parent = message.parent_id ?? "";
  const at = path.value.indexOf(parent) + 1;
  const beside = versions.value[parent] ?? path.value.slice(at, at + 1);
  batch(() => {
    put(message);
    if (!beside.includes(message.id)) {
      versions.value = { ...versions.value, [parent]: [...beside, message.id] };
    }
    if (message.id !== head.peek()) besideId.value = null;
    path.value = [...path.value.slice(0, at), message.id];
    head.value = message.id;
    later.value = false;
  });
}

/**
 * Where a message stands among its versions, counted from one, and those beside it.
 * @param {Message} message
 */
export function place(message) {
  const among = versions.value[message.parent_id ?? ""] ?? [message.id];
  const at = among.indexOf(message.id);
  return { position: at + 1, count: among.length, earlier: among[at - 1], later: among[at + 1] };
}
