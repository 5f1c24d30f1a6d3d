import { arrivals } from "./highlight.js";

/**
 * Maths in answers: found by the parser, typeset by KaTeX, which is loaded when first needed.
 *
 * @typedef {{render: (tex: string, element: Element, options: object) => void,
 *   __domTree: {SvgNode: {prototype: {attributes: Record<string, string>, toNode: () => SVGElement}}}}} Typesetter
 */

const LONGEST = 4_000;
/** A price and words after it: "$5 and 6$". */
const PRICE = /^[\d.,]+[kKmM]?,?\s+[A-Za-z]{2,}/;

const OPTIONS = {
  throwOnError: true, trust: false, strict: "ignore", maxExpand: 500, maxSize: 20,
};

/** @type {Typesetter | null} */
let typesetter = null;
let asked = false;

/**
 * Teach a parser `$…$`, `$$…$$`, `\(…\)` and `\[…\]`.
 * @param {any} parser of markdown-it
 */
export function withMath(parser) {
  parser.inline.ruler.before("escape", "math", inline);
  parser.block.ruler.before("fence", "math_block", block, {
    alt: ["paragraph", "reference", "blockquote", "list"],
  });
  const { escapeHtml } = parser.utils;
  parser.renderer.rules.math = (/** @type {any} */ tokens, /** @type {number} */ at) =>
    `<span class="math${tokens[at].meta ? " display" : ""}">${escapeHtml(tokens[at].content)}</span>`;
  parser.renderer.rules.math_block = (/** @type {any} */ tokens, /** @type {number} */ at) =>
    `<div class="math display" tabindex="0">${escapeHtml(tokens[at].content)}</div>\n`;
}

/**
 * @param {any} state
 * @param {boolean} silent
 */
function inline(state, silent) {
  const found = mathAt(state.src, state.pos);
  if (!found) return false;
  if (!silent) {
    const token = state.push("math", "", 0);
    token.content = found.tex;
    token.meta = found.display;
  }
  state.pos = found.end;
  return true;
}

/**
 * @param {string} text
 * @param {number} at
 */
function mathAt(text, at) {
  for (const [open, close] of [["$$", "$$"], ["\\(", "\\)"], ["\\[", "\\]"]]) {
    if (!text.startsWith(open, at)) continue;
    const near = text.slice(at + 2, at + 2 + LONGEST);
    const length = near.indexOf(close);
    const tex = near.slice(0, Math.max(0, length)).trim();
    return tex ? { tex, end: at + length + 4, display: open !== "\\(" } : null;
  }
  return dollarsAt(text, at);
}

/**
 * One dollar on each side: the first has something right after it, the last right before it and
 * no digit behind it, so that prices stay prices.
 * @param {string} text
 * @param {number} at
 */
function dollarsAt(text, at) {
  if (text[at] !== "$" || /\w/.test(text[at - 1] ?? "") || /[\s$]/.test(text[at + 1] ?? " ")) return null;
  for (let end = at + 2; end < text.length && end - at < LONGEST; end += 1) {
    if (text[end] === "`") return null;
    if (text[end] !== "$" || text[end - 1] === "\\") continue;
    const tex = text.slice(at + 1, end);
    if (/\s/.test(text[end - 1]) || /[\w$]/.test(text[end + 1] ?? "") || PRICE.test(tex)) return null;
    return { tex, end: end + 1, display: false };
  }
  return null;
}

/**
 * Lines that begin with `$$` or `\[` and end with its like; a blank line ends what is no maths.
 * @param {any} state
 * @param {number} from
 * @param {number} to
 * @param {boolean} silent
 */
function block(state, from, to, silent) {
  const lineAt = (/** @type {number} */ line) =>
    state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]).trimEnd();
  const first = lineAt(from);
  if (state.sCount[from] - state.blkIndent >= 4) return false;
  const close = first.startsWith("$$") ? "$$" : first.startsWith("\\[") ? "\\]" : "";
  if (!close) return false;
  const lines = [first.slice(2)];
  let line = from;
  let length = 0;
  while (!lines[lines.length - 1].endsWith(close)) {
    line += 1;
    length += lines[lines.length - 1].length + 1;
    if (line >= to || length > LONGEST || !lineAt(line) || state.sCount[line] < state.blkIndent) return false;
    lines.push(lineAt(line));
  }
  const tex = lines.join("\n").slice(0, -2).trim();
  if (!tex || tex.length > LONGEST || tex.includes(close)) return false;
  if (silent) return true;
  const token = state.push("math_block", "div", 0);
  token.block = true;
  token.content = tex;
  token.map = [from, line + 1];
  state.line = line + 1;
  return true;
}

/**
 * Typeset the maths among these nodes; what can't be stays as it was written.
 * @param {ParentNode} nodes
 */
export function typeset(nodes) {
  const found = nodes.querySelectorAll(".math");
  if (!found.length) return;
  if (!typesetter) {
    load();
    return;
  }
  for (const element of found) {
    const tex = element.textContent ?? "";
    const whole = document.createElement(element.tagName);
    try {
      const displayMode = element.classList.contains("display");
      typesetter.render(tex, whole, { ...OPTIONS, displayMode });
      element.replaceChildren(...whole.childNodes);
      element.classList.add("set");
    } catch {
      element.classList.add("source");
    }
  }
}

async function load() {
  if (asked) return;
  asked = true;
  try {
    await Promise.all([import("katex"), styles()]);
    typesetter = globalTypesetter();
    styleByRule(/** @type {Typesetter} */ (typesetter));
    arrivals.value += 1;
  } catch {
    asked = false; // offline: the next formula tries again
  }
}

/** @returns {any} what the vendored build, a plain script, leaves behind */
function globalTypesetter() {
  return Reflect.get(globalThis, "katex");
}

/** @returns {Promise<unknown>} */
function styles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = import.meta.resolve("katex").replace(/\.js$/, ".css");
  const { promise, resolve, reject } = Promise.withResolvers();
  link.addEventListener("load", resolve);
  link.addEventListener("error", () => {
    link.remove();
    reject(new Error("no styles"));
  });
  document.head.append(link);
  return promise;
}

/**
 * The page's policy lets scripts set styles, but not write them as an attribute.
 * @param {Typesetter} katex
 */
function styleByRule(katex) {
  const { prototype } = katex.__domTree.SvgNode;
  const plain = prototype.toNode;
  prototype.toNode = function toNode() {
    const { style, ...rest } = this.attributes;
    this.attributes = rest;
    const node = plain.call(this);
    if (style) node.style.cssText = style;
    return node;
  };
}
