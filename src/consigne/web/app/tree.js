/**
 * A conversation's messages form a tree; these read it.
 *
 * @typedef {import("./types.js").Message} Message
 * @typedef {ReadonlyMap<string, Message>} Messages
 */

/**
 * The branch that ends at `head`, from its oldest message on.
 * @param {Messages} messages
 * @param {string | null} head
 */
export function branch(messages, head) {
  /** @type {Message[]} */
  const found = [];
  let next = head === null ? undefined : messages.get(head);
  while (next) {
    found.push(next);
    next = next.parent_id === null ? undefined : messages.get(next.parent_id);
  }
  return found.reverse();
}

/**
 * Each message's answers or follow-ups, oldest first, by the id of the message (`null`: the roots).
 * @param {Messages} messages
 */
export function followers(messages) {
  /** @type {Map<string | null, Message[]>} */
  const found = new Map();
  for (const message of messages.values()) {
    const parent = message.parent_id;
    const below = found.get(parent);
    if (below) below.push(message);
    else found.set(parent, [message]);
  }
  for (const list of found.values()) {
    list.sort((a, b) => compare(a.created_at, b.created_at) || compare(a.id, b.id));
  }
  return found;
}

/**
 * The end of the newest branch that passes through a message.
 * @param {ReadonlyMap<string | null, Message[]>} tree what `followers` returns
 * @param {string} id
 */
export function newestLeaf(tree, id) {
  let leaf = id;
  for (let next = tree.get(leaf)?.at(-1); next; next = tree.get(leaf)?.at(-1)) leaf = next.id;
  return leaf;
}

/**
 * @param {string} a
 * @param {string} b
 */
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * A message's text, its blocks joined.
 * @param {Message} message
 */
export function textOf(message) {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

/**
 * What the model wrote to itself before it answered.
 * @param {Message} message
 */
export function thinkingOf(message) {
  return message.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
}
