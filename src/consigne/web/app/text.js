/** @typedef {import("./types.js").Message} Message */

/**
 * A message's text, its blocks joined.
 * @param {Message} message
 */
export function textOf(message) {
  const texts = message.content.map((block) => (block.type === "text" ? block.text : ""));
  const said = texts.filter((text) => text.trim());
  return said.map((text, at) => (at ? text.replace(/^\n+/, "") : text)).join("\n\n");
}

/**
 * What the model wrote to itself before it answered.
 * @param {Message} message
 */
export function thinkingOf(message) {
  return message.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
}
