import { html } from "../html.js";
import { t } from "../i18n.js";
import { openSource } from "../state/source.js";
import { textOf } from "../text.js";

/**
 * @typedef {import("../types.js").Citation} Citation
 * @typedef {import("../types.js").Message} Message
 */

const MARK = /\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]/;

/** Open what a number in an answer stands for. @param {{message: Message, children: any}} props */
export function Cited({ message, children }) {
  const { citations } = message;
  if (!citations?.length) return children;
  const onClick = (/** @type {MouseEvent} */ event) => {
    const button = /** @type {Element} */ (event.target).closest("button.cite");
    const citation = citations.find((one) => String(one.number) === button?.textContent);
    if (citation) openSource.value = { citation };
  };
  return html`<div onClick=${onClick}>${children}</div>`;
}

/**
 * What an answer cites, of files and pages of the web, under the numbers it gives; of one that
 * cites nothing, what its model was shown of both, without numbers.
 * @param {{message: Message}} props
 */
export function Sources({ message }) {
  const { citations = [], sources = [] } = message;
  const text = textOf(message);
  const named = citations.filter(({ cited }) => cited !== false);
  const used = sources.filter(({ number }) => text.includes(`[${number}]`));
  const cites = named.length + used.length > 0;
  const lines = [
    ...(cites ? named : citations).map((one) => ({ number: one.number, what: html`<${File} citation=${one} />` })),
    ...(cites ? used : sources).map((one) => ({ number: one.number, what: html`<${WebPage} source=${one} />` })),
  ];
  const count = lines.length;
  if (!count) return null;
  if (cites) lines.sort((a, b) => a.number - b.number);
  return html`<details class="sources">
    <summary>${t(cites ? "sources.cited" : "sources.consulted", { count })}</summary>
    <ol class=${cites ? undefined : "unnumbered"}>${lines.map(({ number, what }) => html`
      <li key=${number} value=${number}>${what}</li>`)}</ol>
  </details>`;
}

/** @param {{citation: Citation}} props */
function File({ citation }) {
  return html`<button type="button" class="link" dir="auto"
    onClick=${() => { openSource.value = { citation }; }}>${named(citation)}</button>`;
}

/** @param {{source: import("../types.js").Source}} props */
function WebPage({ source }) {
  return html`<a href=${source.url} target="_blank" rel="noopener noreferrer">${source.title || source.url}</a>
    <span class="muted small">${URL.parse(source.url)?.hostname}</span>
    ${source.passage && html`<q class="small" dir="auto">${source.passage}</q>`}`;
}

/** @param {Citation} citation */
export function named(citation) {
  const { filename, page, section } = citation;
  if (page !== null) return t("source.page", { name: filename, page });
  return section ? `${filename}, ${section}` : filename;
}

/**
 * Make buttons of the numbers in brackets, outside of code.
 * @param {HTMLElement} element
 * @param {Citation[]} [citations]
 */
export function mark(element, citations = []) {
  if (!citations.length) return;
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  /** @type {Text[]} */
  const found = [];
  while (walker.nextNode()) {
    const node = /** @type {Text} */ (walker.currentNode);
    if (MARK.test(node.data) && !node.parentElement?.closest("pre, code, a, button")) found.push(node);
  }
  const known = new Map(citations.map((citation) => [citation.number, citation]));
  for (const node of found) {
    const pieces = node.data.split(new RegExp(MARK, "g")).map((piece, at) => {
      const numbers = at % 2 ? piece.split(",").map(Number) : [];
      if (!numbers.some((number) => known.has(number))) return at % 2 ? `[${piece}]` : piece;
      const all = document.createElement("span");
      all.className = "cites"; // with the word before them, on one line
      all.append(...numbers.map((number) => known.get(number)).flatMap((one) => (one ? [button(one)] : [])));
      return all;
    });
    node.replaceWith(...pieces.map((piece, at) => {
      const next = pieces[at + 1];
      if (typeof piece !== "string" || !(next instanceof Element)) return piece;
      const [ending = ""] = /\S*\s*$/.exec(piece) ?? [];
      next.prepend(ending.trimEnd());
      return piece.slice(0, piece.length - ending.length);
    }));
  }
}

/** @param {Citation} citation */
function button(citation) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "cite";
  made.textContent = String(citation.number);
  made.setAttribute("aria-label", t("source.open", { n: citation.number, name: named(citation) }));
  return made;
}
