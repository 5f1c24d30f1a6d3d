import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { go, openId } from "../router.js";
import { keepDraft } from "../state/drafts.js";
import {
  loadError, loadOlder, older, outgoing, reopen, shown, status, tree,
} from "../state/thread.js";
import { toast } from "../state/toasts.js";
import { Icon } from "./icons.js";
import { Answer, Question, SentQuestion } from "./message.js";

/** @typedef {import("../types.js").Message} Message */

/** Nearer to the end than this, in pixels, the reader is taken to be at the end. */
const AT_END = 48;

/** Whether the reader has scrolled away from the end. */
const away = signal(false);

/** The conversation, or what stands in its place. */
export function Thread() {
  switch (status.value) {
    case "missing":
      return html`<${Instead} text=${t("thread.missing")} action=${t("thread.begin")}
        onAct=${() => go(null)} />`;
    case "failed":
      return html`<${Instead} action=${t("app.retry")} onAct=${reopen}
        text=${t("thread.failed", { reason: explain(loadError.value) })} />`;
    case "loading":
      return html`<${Skeleton} />`;
    case "new":
      return outgoing.value ? html`<${Messages} />` : html`<${Empty} />`;
    default:
      return html`<${Messages} />`;
  }
}

function Messages() {
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const list = shown.value;
  const sent = outgoing.value;
  useEffect(() => stayAtEnd(/** @type {HTMLElement} */ (scroller.current)), []);
  useLayoutEffect(() => {
    if (sent) toEnd(scroller.current);
  }, [sent]);

  return html`<div class="scroll" ref=${scroller}>
    <div class="column messages" role="region" aria-label=${t("app.conversation")}>
      ${older.value && html`<button type="button" class="plain older" onClick=${more}>
        ${t("message.older")}</button>`}
      ${list.map((message, at) => html`<${Turn} key=${message.id} message=${message}
        last=${at === list.length - 1} ...${place(message)} />`)}
      ${sent && html`<${SentQuestion} text=${sent.text} />`}
    </div>
    ${away.value && html`<button type="button" class="latest" aria-label=${t("message.latest")}
      title=${t("message.latest")} onClick=${() => toEnd(scroller.current)}>
      <${Icon} name="arrowDown" /></button>`}
  </div>`;
}

/**
 * Drawn again only when one of its own values changes.
 * @param {{message: Message, last: boolean, position: number, count: number, earlier?: string,
 *   later?: string}} props
 */
function Turn({ message, last, position, count, earlier, later }) {
  const among = { position, count, earlier, later };
  return message.role === "user"
    ? html`<${Question} message=${message} place=${among} />`
    : html`<${Answer} message=${message} place=${among} last=${last} />`;
}

/** @param {Message} message */
function place(message) {
  const among = tree.value.get(message.parent_id)?.filter((m) => m.role === message.role) ?? [];
  const at = among.indexOf(message);
  return {
    position: at + 1, count: among.length, earlier: among[at - 1]?.id, later: among[at + 1]?.id,
  };
}

function more() {
  loadOlder().catch((error) => toast(explain(error)));
}

/** @param {HTMLElement | null} scroller */
function toEnd(scroller) {
  away.value = false;
  scroller?.scrollTo({ top: scroller.scrollHeight });
}

/**
 * Keep the end in view while text comes, unless the reader has scrolled away from it.
 * @param {HTMLElement} scroller
 */
function stayAtEnd(scroller) {
  let top = 0;
  const onScroll = () => {
    const left = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    if (left < AT_END) away.value = false;
    else if (scroller.scrollTop < top) away.value = true;
    top = scroller.scrollTop;
  };
  const sizes = new ResizeObserver(() => {
    if (!away.peek()) toEnd(scroller);
  });
  scroller.addEventListener("scroll", onScroll, { passive: true });
  sizes.observe(scroller);
  sizes.observe(/** @type {Element} */ (scroller.firstElementChild));
  toEnd(scroller);
  return () => {
    sizes.disconnect();
    scroller.removeEventListener("scroll", onScroll);
  };
}

function Empty() {
  const examples = ["empty.write", "empty.understand", "empty.list"];
  const take = (/** @type {string} */ text) => {
    keepDraft(openId.peek(), text);
    document.getElementById("composer")?.focus();
  };
  return html`<div class="scroll"><div class="column empty">
    <h2>${t("empty.title")}</h2>
    <ul aria-label=${t("empty.examples")}>
      ${examples.map((key) => html`<li key=${key}>
        <button type="button" onClick=${() => take(t(key))}>${t(key)}</button></li>`)}
    </ul>
  </div></div>`;
}

function Skeleton() {
  return html`<div class="scroll"><div class="column messages skeleton" aria-label=${t("app.loading")}
    role="status">
    <span class="bone panel"></span>
    <span class="bone"></span><span class="bone"></span><span class="bone short"></span>
  </div></div>`;
}

/** @param {{text: string, action: string, onAct: () => void}} props */
function Instead({ text, action, onAct }) {
  return html`<div class="scroll"><div class="column instead" role="alert">
    <p>${text}</p><button type="button" class="primary" onClick=${onAct}>${action}</button>
  </div></div>`;
}
