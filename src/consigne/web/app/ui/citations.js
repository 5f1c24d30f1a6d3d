import { useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { openSource } from "../state/source.js";

/** @typedef {import("../types.js").Citation} Citation */

const MARK = /\[(\d{1,4}(?:\s*,\s*\d{1,4})*)\]/;

/**
 * An answer's text, in which the numbers of its sources are buttons, and the list of these.
 * @param {{citations?: Citation[], children: any}} props
 */
export function Cited({ citations, children }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    if (citations?.length && element.current) mark(element.current, citations);
  });
  if (!citations?.length) return children;
  const onClick = (/** @type {MouseEvent} */ event) => {
    const button = /** @type {Element} */ (event.target).closest("button.cite");
    const citation = citations.find((one) => String(one.number) === button?.textContent);
    if (citation) openSource.value = { citation };
  };
  return html`<div ref=${element} onClick=${onClick}>${children}</div>
    <section class="sources"><h3>${t("source.list")}</h3><ol>
      ${citations.map((citation) => html`<li key=${citation.number} value=${citation.number}>
        <button type="button" class="link" dir="auto"
          onClick=${() => { openSource.value = { citation }; }}>${named(citation)}</button></li>`)}
    </ol></section>`;
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
 * @param {Citation[]} citations
 */
function mark(element, citations) {
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
      all.append(...numbers.map((number) => known.get(number)).flatMap((one) => (one ? [button(one)] : [])));
      return all;
    });
    node.replaceWith(...pieces);
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
