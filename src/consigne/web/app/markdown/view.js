import { arrivals } from "./highlight.js";
import { MarkdownBlocks } from "./blocks.js";
import { foldLong, onCodeClick } from "./code.js";
import { morph } from "./morph.js";
import { toNodes } from "./render.js";
import { html } from "../html.js";
import { language } from "../i18n.js";
import { theme } from "../state/look.js";
import { python } from "../state/interpreter.js";
import { drawnIn } from "../state/running.js";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Draws markdown into an element, block by block, touching only what changed. */
class View {
  #blocks = new MarkdownBlocks();
  /** @type {string[]} */
  #drawn = [];
  #look = "";

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element;
  }

  /**
   * @param {string} text
   * @param {boolean} growing
   * @param {string} look changes when all must be drawn afresh, though the text is the same
   */
  show(text, growing, look) {
    if (look !== this.#look) {
      this.#blocks.forget();
      this.#drawn = [];
      this.#look = look;
    }
    const blocks = this.#blocks.update(text, growing);
    blocks.forEach((markup, at) => {
      if (this.#drawn[at] !== markup) this.#draw(markup, this.element.children[at]);
    });
    while (this.element.children.length > blocks.length) this.element.lastElementChild?.remove();
    this.#drawn = blocks;
  }

  /**
   * @param {string} markup
   * @param {Element | undefined} present
   */
  #draw(markup, present) {
    const wanted = toNodes(markup).firstElementChild ?? document.createElement("p");
    if (present) morph(present, wanted);
    else this.element.append(wanted);
  }
}

/**
 * Markdown, typeset.
 * @param {{text: string, growing: boolean, onDrawn?: (element: HTMLElement) => void}} props
 *   `onDrawn` is called each time that whole text has been drawn
 */
export function Markdown({ text, growing, onDrawn }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const view = useRef(/** @type {View | null} */ (null));
  const look = `${language.value} ${arrivals.value} ${theme.value} ${python.value}`;
  useLayoutEffect(() => {
    const began = performance.now();
    view.current ??= new View(/** @type {HTMLElement} */ (element.current));
    view.current.show(text, growing, look);
    if (growing) return drawnIn(performance.now() - began);
    foldLong(view.current.element);
    const { element: drawn } = view.current;
    if (drawn.querySelector('.code[data-language="mermaid"]')) {
      import("./diagrams.js").then(({ drawDiagrams }) => drawDiagrams(drawn), () => {});
    }
    onDrawn?.(view.current.element);
  }, [text, growing, look]);
  return html`<div class="prose" ref=${element} onClick=${onCodeClick}></div>`;
}
