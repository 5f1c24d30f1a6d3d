import { t } from "../i18n.js";
import { button } from "./code.js";

/**
 * Diagrams that answers write as mermaid. They are drawn in a sandboxed frame of its own origin and
 * policy, and come back as a picture, in which nothing can run.
 */

const LONGEST_WAIT_MS = 15_000;

/** @typedef {{svg: string, width: number, height: number} | null} Drawing `null`: can't be drawn */

/** @type {Map<string, Promise<Drawing>>} */
const drawings = new Map();
/** @type {Map<number, (drawing: Drawing) => void>} */
const waiting = new Map();
/** @type {Promise<HTMLIFrameElement> | null} */
let painter = null;
let count = 0;

/**
 * Draw the diagrams of a whole answer; where one can't be drawn its source stays.
 * @param {Element} element
 */
export function drawDiagrams(element) {
  for (const block of element.querySelectorAll('.code[data-language="mermaid"]:not(.diagram)')) {
    block.classList.add("diagram");
    const source = block.querySelector("code")?.textContent ?? "";
    const chosen = document.documentElement.dataset.theme;
    const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    const key = `${dark} ${source}`;
    let drawing = drawings.get(key);
    if (!drawing) drawings.set(key, (drawing = draw(source, dark)));
    drawing.then((drawn) => show(block, drawn));
  }
}

/**
 * @param {Element} block
 * @param {Drawing} drawing
 */
function show(block, drawing) {
  if (!block.classList.contains("diagram") || block.querySelector("img")) return;
  if (!drawing) {
    const note = document.createElement("p");
    note.className = "muted small";
    note.textContent = t("diagram.failed");
    if (!block.querySelector("p")) block.append(note);
    return;
  }
  const picture = document.createElement("img");
  const address = URL.createObjectURL(new Blob([drawing.svg], { type: "image/svg+xml" }));
  picture.src = address;
  picture.width = drawing.width;
  picture.height = drawing.height;
  picture.alt = t("diagram.alt");
  picture.addEventListener("load", () => URL.revokeObjectURL(address));
  block.querySelector("pre")?.before(picture);
  block.classList.add("drawn");
  const toggle = button("show-source", t("diagram.source"));
  toggle.setAttribute("aria-expanded", "false");
  block.querySelector(".code-bar span")?.after(toggle);
}

/**
 * @param {string} source
 * @param {boolean} dark
 * @returns {Promise<Drawing>}
 */
async function draw(source, dark) {
  const frame = await (painter ??= open());
  const id = ++count;
  const { promise, resolve } = Promise.withResolvers();
  waiting.set(id, resolve);
  const timer = setTimeout(() => {
    resolve(null);
    frame.remove(); // it may be stuck: the next diagram gets a new one
    painter = null;
  }, LONGEST_WAIT_MS);
  frame.contentWindow?.postMessage({ id, source, dark }, "*");
  return promise.finally(() => {
    clearTimeout(timer);
    waiting.delete(id);
  });
}

/** @returns {Promise<HTMLIFrameElement>} */
function open() {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.className = "painter";
  frame.setAttribute("aria-hidden", "true");
  frame.tabIndex = -1;
  frame.src = "/frames/diagram";
  const { promise, resolve } = Promise.withResolvers();
  frame.addEventListener("load", () => resolve(frame));
  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow) return;
    const { id, svg, width, height } = event.data;
    const fits = typeof svg === "string" && width > 0 && height > 0;
    waiting.get(id)?.(fits ? { svg, width, height } : null);
  });
  document.body.append(frame);
  return promise;
}
