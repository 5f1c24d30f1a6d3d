import { computed, signal } from "@preact/signals";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { models } from "../state/models.js";
import { lost } from "../state/running.js";
import { answerAgain, goOn } from "../state/turns.js";
import { toast } from "../state/toasts.js";
import { storage } from "../storage.js";
import { textOf } from "../text.js";
import { Icon } from "./icons.js";

/** @typedef {import("../types.js").Message} Message */

/**
 * What there is to say about how an answer ended, and what to do about it.
 * @param {{message: Message, last: boolean}} props
 */
export function Outcome({ message, last }) {
  switch (message.state) {
    case "running":
      return lost.value ? html`<p class="note" role="status">${t("message.lost")}</p>` : null;
    case "stopped":
      return html`<${Ended} text=${t("message.stopped")} message=${message} last=${last} />`;
    case "interrupted":
      return html`<${Ended} text=${t("message.interrupted")} message=${message} last=${last} />`;
    case "failed":
      return html`<${Failure} message=${message} last=${last} />`;
    default:
      return html`<${Complete} message=${message} last=${last} />`;
  }
}

/** @param {{text: string, message: Message, last: boolean}} props */
function Ended({ text, message, last }) {
  const resume = () => goOn(message).catch((error) => toast(explain(error)));
  return html`<p class="note"><span>${text}</span>
    ${last && html`<button type="button" class="plain" onClick=${resume}>${t("message.goOn")}</button>`}
  </p>`;
}

/** @param {{message: Message, last: boolean}} props */
function Failure({ message, last }) {
  const resume = () => goOn(message).catch((error) => toast(explain(error)));
  const retry = () => {
    if (message.parent_id) answerAgain(message.parent_id).catch((error) => toast(explain(error)));
  };
  return html`<p class="note bad" role="alert" title=${message.error?.message}>
    <${Icon} name="alert" />
    <span>${t("message.failed", { reason: explain(message.error) })}</span>
    ${last && textOf(message) && html`<button type="button" class="plain" onClick=${resume}>
      ${t("message.goOn")}</button>`}
    <button type="button" class="plain" onClick=${retry}>${t("app.retry")}</button>
  </p>`;
}

/** @param {{message: Message, last: boolean}} props */
function Complete({ message, last }) {
  return html`${message.stop_reason === "max_tokens" &&
      html`<${Ended} text=${t("message.max_tokens")} message=${message} last=${last} />`}
    ${message.stop_reason === "context_full" && html`<p class="note">${t("message.context_full")}</p>`}
    ${message.left_out > 0 &&
      html`<p class="note">${t("message.leftOut", { count: message.left_out })}</p>`}
    <${StarterNotice} message=${message} />`;
}

/** The answer under which the notice of the starter model stands; "none" once it was dismissed. */
const noticeAt = signal(storage.get("starterNotice"));
const starter = computed(() => models.value?.find((model) => model.starter)?.id);

/** Said once, under the first answer of the starter model. @param {{message: Message}} props */
function StarterNotice({ message }) {
  if (!starter.value || message.model !== starter.value) return null;
  if (message.content.some((block) => block.type === "tool_use")) return null; // drawn, not written
  if (noticeAt.value === null) {
    queueMicrotask(() => place(noticeAt.peek() ?? message.id));
    return null;
  }
  if (noticeAt.value !== message.id) return null;
  return html`<p class="note starter">
    <span>${t("starter.text")} <button type="button" class="link"
      onClick=${() => { overlay.value = "models"; }}>${t("starter.link")}</button></span>
    <button type="button" class="quiet square" aria-label=${t("starter.dismiss")}
      onClick=${() => place("none")}><${Icon} name="close" /></button>
  </p>`;
}

/** @param {string} where */
function place(where) {
  noticeAt.value = where;
  storage.set("starterNotice", where);
}
