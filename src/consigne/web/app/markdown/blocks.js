import { parser } from "./render.js";

/** @typedef {import("markdown-it").Token} Token */

/**
 * Cuts growing markdown into its outermost blocks, as HTML. More text can only change the last of
 * them, so those before it are kept and only the tail is parsed again.
 */
export class MarkdownBlocks {
  /** @type {string[]} */
  #settled = [];
  #settledText = "";
  /** @type {Record<string, any>} */
  #references = {};

  /**
   * @param {string} text the whole text so far
   * @param {boolean} growing whether more may come
   * @returns {string[]} the HTML of each block
   */
  update(text, growing) {
    if (!growing || !text.startsWith(this.#settledText)) this.forget();
    const tail = text.slice(this.#settledText.length);
    const env = { references: { ...this.#references } };
    const groups = outermost(parser.parse(tail, env));
    const rendered = groups.map((group) => parser.renderer.render(group, parser.options, env));
    const all = [...this.#settled, ...rendered];
    if (growing) this.#settle(tail, groups, rendered, env.references);
    return all;
  }

  /** Parse everything afresh the next time. */
  forget() {
    this.#settled = [];
    this.#settledText = "";
    this.#references = {};
  }

  /**
   * Keep the blocks that a later block, begun on a whole line, has closed for good.
   * @param {string} tail
   * @param {Token[][]} groups
   * @param {string[]} rendered
   * @param {Record<string, any>} references
   */
  #settle(tail, groups, rendered, references) {
    const starts = groups.map((group) => group[0].map?.[0] ?? 0);
    const wholeLines = tail.split("\n").length - 1;
    let closed = groups.length - 1;
    while (closed > 0 && starts[closed] >= wholeLines) closed -= 1;
    if (closed <= 0) return;
    this.#settled.push(...rendered.slice(0, closed));
    this.#settledText += tail.slice(0, lineOffset(tail, starts[closed]));
    this.#references = references;
  }
}

/**
 * @param {Token[]} tokens
 * @returns {Token[][]}
 */
function outermost(tokens) {
  /** @type {Token[][]} */
  const groups = [];
  let depth = 0;
  for (const token of tokens) {
    if (depth === 0) groups.push([]);
    groups[groups.length - 1].push(token);
    depth += token.nesting;
  }
  return groups;
}

/**
 * @param {string} text
 * @param {number} line
 */
function lineOffset(text, line) {
  let at = 0;
  for (let passed = 0; passed < line; passed += 1) at = text.indexOf("\n", at) + 1;
  return at;
}
