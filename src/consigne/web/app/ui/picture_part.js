import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { head } from "../state/branch.js";
import { marking } from "../state/marking.js";
import { CELLS, attachPart, brush, cells, clear, rectangle, share, wanted } from "../state/picture_part.js";
import { sendFrom } from "./sending.js";
import { Dialog } from "./dialog.js";
import { TextField } from "./fields.js";

const RADIUS = 4;

/** Marks a part of a picture, with the pointer or as a rectangle, and says what is to be there. */
export function PicturePartDialog() {
  const picture = marking.value;
  if (!picture) return null;
  const close = () => { marking.value = null; };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = wanted.peek().trim();
    if (!text || !share.peek()) return;
    attachPart();
    sendFrom(text, head.peek(), close, () => { marking.value = picture; });
  };
  return html`<${Dialog} kind="sheet part" label=${t("part.title")} title=${t("part.title")} onClose=${close}>
    <form class="part-form" onSubmit=${submit}>
      <p class="muted">${t("part.how")}</p>
      <div class="part-picture"><img src=${picture.path} width=${picture.width} height=${picture.height}
        alt=${picture.alt} /><${Canvas} /></div>
      <p role="status">${share.value ? t("part.marked", { share: share.value }) : t("part.nothing")}</p>
      <${Rectangle} />
      <button type="button" class="plain" disabled=${!share.value} onClick=${clear}>${t("part.clear")}</button>
      <${TextField} label=${t("part.wanted")} value=${wanted.value} most=${500} required
        onInput=${(/** @type {string} */ text) => { wanted.value = text; }} />
      <button class="primary" disabled=${!wanted.value.trim() || !share.value}>${t("part.send")}</button>
    </form>
  <//>`;
}

/** Shows what is marked, and marks what the pointer is drawn over. */
function Canvas() {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const shown = cells.value;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!canvas.current || !context) return;
    const image = context.createImageData(CELLS, CELLS);
    const [red, green, blue] = colour(canvas.current);
    shown.forEach((cell, at) => { image.data.set([red, green, blue, cell ? 150 : 0], at * 4); });
    context.putImageData(image, 0, 0);
  }, [shown]);
  const paint = (/** @type {PointerEvent} */ event) => {
    if (!canvas.current || !event.buttons) return;
    const box = canvas.current.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * CELLS;
    brush(x, ((event.clientY - box.top) / box.height) * CELLS, RADIUS);
  };
  const begin = (/** @type {PointerEvent} */ event) => {
    canvas.current?.setPointerCapture(event.pointerId);
    paint(event);
  };
  return html`<canvas ref=${canvas} width=${CELLS} height=${CELLS} aria-hidden="true"
    onPointerDown=${begin} onPointerMove=${paint}></canvas>`;
}

/** The colour of marks, from the style sheet. @param {HTMLElement} element */
function colour(element) {
  const found = getComputedStyle(element).color.match(/\d+(?:\.\d+)?/g) ?? [];
  return found.slice(0, 3).map(Number);
}

/** A rectangle by numbers: for the keyboard, and for whoever does not see the picture. */
function Rectangle() {
  const box = useSignal({ left: 25, top: 25, width: 50, height: 50 });
  const field = (/** @type {"left" | "top" | "width" | "height"} */ name) => html`
    <label class="field"><span>${t(`part.${name}`)}</span><input type="number" min="0" max="100" step="1"
      value=${box.value[name]} onInput=${(/** @type {any} */ event) => {
        box.value = { ...box.peek(), [name]: Number(event.target.value) };
      }} /></label>`;
  return html`<fieldset class="part-box"><legend>${t("part.rectangle")}</legend>
    ${field("left")}${field("top")}${field("width")}${field("height")}
    <button type="button" class="plain" onClick=${() => rectangle(box.peek())}>${t("part.mark")}</button>
  </fieldset>`;
}
