import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { storage } from "../storage.js";

/** The panel's share of the room beside the sidebar, in percent. */
const USUAL = 45;
const LEAST = 25;
const MOST = 75;
const STEP = 2;

/** The edge of the panel beside the conversation: moved by pointer or keys, and remembered. */
export function PanelEdge() {
  const edge = useRef(/** @type {HTMLElement | null} */ (null));
  const share = useSignal(bounded(Number(storage.get("panel")) || USUAL));
  const dragged = useSignal(false);

  useLayoutEffect(() => {
    const frame = /** @type {HTMLElement | null | undefined} */ (edge.current?.closest(".frame"));
    frame?.style.setProperty("--panel-share", `${share.value}fr`);
    frame?.style.setProperty("--main-share", `${100 - share.value}fr`);
  }, [share.value]);

  const move = (/** @type {number} */ to) => {
    share.value = bounded(to);
  };
  const keep = () => storage.set("panel", share.value === USUAL ? null : String(share.value));
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const now = share.value;
    const to = { ArrowLeft: now + STEP, ArrowRight: now - STEP, Home: MOST, End: LEAST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
    keep();
  };
  const onPointerDown = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    edge.current?.focus();
    edge.current?.setPointerCapture(event.pointerId);
    dragged.value = true;
  };
  const onPointerMove = (/** @type {PointerEvent} */ event) => {
    const main = edge.current?.closest(".frame")?.querySelector("main");
    if (!dragged.value || !main) return;
    const left = main.getBoundingClientRect().left;
    move((100 * (innerWidth - event.clientX)) / (innerWidth - left));
  };
  const onPointerUp = () => {
    if (!dragged.value) return;
    dragged.value = false;
    keep();
  };
  const reset = () => {
    move(USUAL);
    keep();
  };
  return html`<div class="panel-edge ${dragged.value ? "dragged" : ""}" ref=${edge} role="separator"
    tabindex="0" aria-orientation="vertical" aria-label=${t("panel.edge")} title=${t("panel.edgeHint")}
    aria-valuemin=${LEAST} aria-valuemax=${MOST} aria-valuenow=${Math.round(share.value)}
    aria-valuetext=${t("panel.share", { n: Math.round(share.value) })} onKeyDown=${onKeyDown}
    onPointerDown=${onPointerDown} onPointerMove=${onPointerMove} onPointerUp=${onPointerUp}
    onPointerCancel=${onPointerUp} onDblClick=${reset}></div>`;
}

/** @param {number} share */
function bounded(share) {
  return Math.min(MOST, Math.max(LEAST, Math.round(share * 10) / 10));
}
