import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { go, openId } from "../router.js";
import { keepDraft } from "../state/drafts.js";
import { earlier, later, place } from "../state/branch.js";
import { loadBeside, loadError, outgoing, reopen, shown, sought, status } from "../state/thread.js";
import { toast } from "../state/toasts.js";
import { assistantOf } from "../state/library.js";
import { modelFor } from "../state/models.js";
import { Badge } from "./badge.js";
import { besideOf, Compared } from "./compare.js";
import { Icon } from "./icons.js";
import { Answer, Question, SentQuestion } from "./message.js";
import { away, below, Scroller } from "./scroller.js";

/** @typedef {import("../types.js").Message} Message */

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
  const view = useRef(/** @type {HTMLElement | null} */ (null));
  const scroller = useMemo(() => new Scroller(), []);
  const list = shown.value;
  const sent = outgoing.value;
  const drawn = scroller.redraw.value;
  const ids = useMemo(() => list.map((message) => message.id), [list]);
  const [from, to] = useMemo(() => scroller.part(ids), [ids, drawn, sought.value]);

  useLayoutEffect(() => {
    away.value = false;
    return scroller.attach(/** @type {HTMLElement} */ (view.current));
  }, []);
  useLayoutEffect(() => {
    if (sent) away.value = false;
    scroller.settle();
  }, [list, sent, sought.value, from, to]);

  const room = scroller.heights;
  return html`<div class="scroll" ref=${view}>
    <div class="column messages" role="region" aria-label=${t("app.conversation")}>
      ${earlier.value && html`<${More} side="before" />`}
      <div class="turns">
        ${from > 0 && html`<${Room} key="above" height=${room.between(ids, 0, from)} />`}
        ${list.slice(from, to).map((message, at) => html`<div class=${turnClass(message)}
          key=${message.id} data-id=${message.id}>
          <${Turn} message=${message} last=${from + at === list.length - 1} ...${place(message)} />
        </div>`)}
        ${to < ids.length && html`<${Room} key="below" height=${room.between(ids, to, ids.length)} />`}
      </div>
      ${sent && html`<${SentQuestion} text=${sent.text} files=${sent.files} />`}
      ${later.value && html`<${More} side="after" />`}
    </div>
    ${((away.value && below.value) || later.value) && html`<button type="button" class="latest" aria-label=${t("message.latest")}
      title=${t("message.latest")} onClick=${() => scroller.end().catch(fail)}>
      <${Icon} name="arrowDown" /></button>`}
  </div>`;
}

/** The room of messages that are not drawn. @param {{height: number}} props */
function Room({ height }) {
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    if (element.current) element.current.style.height = `${height}px`;
  }, [height]);
  return html`<div class="room" ref=${element}></div>`;
}

/**
 * Reads on by itself as the reader comes near; the button is for who asks for it.
 * @param {{side: "before" | "after"}} props
 */
function More({ side }) {
  const text = t(side === "before" ? "message.older" : "message.newer");
  return html`<button type="button" class="plain older" onClick=${() => loadBeside(side).catch(fail)}>
    ${text}</button>`;
}

/** @param {Message} message */
function turnClass(message) {
  const pair = besideOf(message) ? "turn pair" : "turn";
  return message.id === sought.value?.id ? `${pair} sought` : pair;
}

/** @param {Error} error */
function fail(error) {
  toast(explain(error));
}

/**
 * Drawn again only when one of its own values changes.
 * @param {{message: Message, last: boolean, position: number, count: number, earlier?: string,
 *   later?: string}} props
 */
function Turn({ message, last, ...among }) {
  const other = besideOf(message);
  if (other) return html`<${Compared} first=${message} other=${other} />`;
  return message.role === "user"
    ? html`<${Question} message=${message} place=${among} last=${last} />`
    : html`<${Answer} message=${message} place=${among} last=${last} />`;
}

function Empty() {
  const assistant = assistantOf(modelFor(null)?.id);
  const examples = assistant?.starters.length
    ? assistant.starters : [t("empty.write"), t("empty.understand"), t("empty.list")];
  const take = (/** @type {string} */ text) => {
    keepDraft(openId.peek(), text);
    document.getElementById("composer")?.focus();
  };
  return html`<div class="scroll"><div class="column empty">
    ${assistant
      ? html`<h2 dir="auto"><${Badge} item=${assistant} /> ${assistant.name}</h2>
          <p class="muted" dir="auto">${assistant.description}</p>`
      : html`<h2>${t("empty.title")}</h2>`}
    <ul aria-label=${t("empty.examples")}>
      ${examples.map((said) => html`<li key=${said}>
        <button type="button" dir="auto" onClick=${() => take(said)}>${said}</button></li>`)}
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
