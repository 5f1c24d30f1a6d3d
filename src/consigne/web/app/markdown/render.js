import "dompurify";
import MarkdownIt from "markdown-it";

import { caption } from "./code.js";
import { highlight } from "./highlight.js";
import { typeset, withMath } from "./math.js";

/**
 * Markdown to HTML, and HTML to nodes: `toNodes` is the one place where HTML enters the page.
 *
 * @typedef {import("markdown-it").Token} Token
 * @typedef {import("markdown-it").MarkdownIt} Parser
 */

/** @type {typeof import("dompurify")} */
const purifier = Reflect.get(globalThis, "DOMPurify"); // the vendored build is a plain script

const KEPT = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "div", "em", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["class", "data-language", "href", "rel", "start", "tabindex", "target"],
  // Addresses of the web and of mail; the rest of the pattern lets values pass that are none.
  ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto):|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: /** @type {const} */ (true),
};

export const parser = new MarkdownIt({ html: false, linkify: true, typographer: false });
withMath(parser);
// The boxes of task lists, "- [ ] to do" and "- [x] done", as characters: they are copied with the text.
parser.core.ruler.push("tasks", (/** @type {{tokens: Token[]}} */ { tokens }) => {
  tokens.forEach((token, at) => {
    const item = tokens[at - 2];
    const first = token.type === "inline" && item?.type === "list_item_open" && token.children?.[0];
    const box = first && /^\[([ xX])\] /.exec(first.content);
    if (!box) return;
    first.content = `${box[1] === " " ? "☐" : "☑"} ${first.content.slice(4)}`;
    item.attrSet("class", "task");
  });
});
const { rules } = parser.renderer;
const { escapeHtml } = parser.utils;

/** The page's own headings come first: an answer's begin at the third level, as # or as ##. */
rules.heading_open = (tokens, at) =>
  `<${below(tokens[at])}${tokens[at].tag === "h1" ? ' class="title"' : ""}>`;
rules.heading_close = (tokens, at) => `</${below(tokens[at])}>\n`;

/** @param {Token} token */
function below(token) {
  return `h${Math.min(6, Math.max(3, Number(token.tag.slice(1)) + 1))}`;
}

rules.table_open = () => '<div class="table" tabindex="0"><table>\n';
rules.table_close = () => "</table></div>\n";
rules.th_open = (tokens, at) => `<th${alignment(tokens[at])}>`;
rules.td_open = (tokens, at) => `<td${alignment(tokens[at])}>`;

/** @param {Token} token */
function alignment(token) {
  const side = String(token.attrGet("style") ?? "").match(/right|center/)?.[0];
  return side ? ` class="${side}"` : "";
}

rules.link_open = (tokens, at, options, _env, self) => {
  tokens[at].attrSet("target", "_blank");
  tokens[at].attrSet("rel", "noopener noreferrer");
  return self.renderToken(tokens, at, options);
};

/** A picture from elsewhere would tell that place who reads: its address is shown instead. */
rules.image = (tokens, at) => {
  const address = escapeHtml(String(tokens[at].attrGet("src") ?? ""));
  const label = escapeHtml(tokens[at].content) || address;
  return `<a href="${address}" target="_blank" rel="noopener noreferrer">${label}</a>`;
};

rules.fence = (tokens, at) => code(tokens[at].content, tokens[at].info.trim().split(/\s+/)[0]);
rules.code_block = (tokens, at) => code(tokens[at].content, "");

/**
 * @param {string} text
 * @param {string} language as the answer names it
 */
function code(text, language) {
  const inner = highlight(text, language) ?? escapeHtml(text);
  const label = escapeHtml(language);
  return `<div class="code" data-language="${label}"><pre tabindex="0"><code>${inner}</code></pre></div>\n`;
}

/**
 * Clean HTML and return its nodes.
 * @param {string} markup
 */
export function toNodes(markup) {
  const nodes = purifier.sanitize(markup, KEPT);
  for (const block of nodes.querySelectorAll("div.code")) block.prepend(caption(block));
  typeset(nodes);
  return nodes;
}
