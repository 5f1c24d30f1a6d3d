import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { exactTime, number } from "../format.js";
import { Markdown } from "../markdown/view.js";
import { loadModels, modelFor, nameOf, writers } from "../state/models.js";
import { remember, toRemember } from "../state/personal.js";
import { temporary } from "../state/temporary.js";
import { conversation, editing, outgoing, readVersion, running, sought } from "../state/thread.js";
import { thought } from "../state/thought.js";
import { answerAgain } from "../state/turns.js";
import { toast } from "../state/toasts.js";
import { textOf, thinkingOf } from "../text.js";
import { SentFiles } from "./attachments.js";
import { Cited, mark, Sources } from "./citations.js";
import { fit, sendFrom } from "./sending.js";
import { CopyButton } from "./copy.js";
import { Thumbs } from "./feedback.js";
import { Icon } from "./icons.js";
import { lazy } from "./lazy.js";
import { Menu } from "./menu.js";
import { QuestionText } from "./question_text.js";
import { ReadAloud } from "./speech.js";
import { Choice } from "./model_choice.js";
import { Outcome } from "./outcome.js";

/**
 * @typedef {import("../types.js").Message} Message
 * @typedef {{position: number, count: number, earlier?: string, later?: string}} Place where a
 *   message stands among its siblings, and the siblings beside it
 */

const Steps = lazy(() => import("./steps.js").then((found) => found.Steps));
const MODEL_CHECK_MS = 1_500;

/** @param {{message: Message, place: Place, last: boolean}} props */
export function Question({ message, place, last }) {
  if (editing.value === message.id) return html`<${QuestionEditor} message=${message} />`;
  const text = textOf(message);
  return html`<article class="question">
    <h2 class="unseen">${t("message.you")}</h2>
    <${SentFiles} files=${message.attachments} />
    <${QuestionText} id=${message.id} text=${text} title=${exactTime(message.created_at)}
      found=${sought.value?.id === message.id} />
    <div class="actions">
      <${Stepper} place=${place} />
      <${CopyButton} text=${text} />
      <${Action} icon="edit" label=${t("message.edit")} disabled=${running.value !== undefined}
        onClick=${() => { editing.value = message.id; }} />
      <${RememberButton} text=${text} />
    </div>
    ${last && !outgoing.value && html`<${Unanswered} id=${message.id} />`}
  </article>`;
}

/** Lets a question be answered that nothing follows: one that was imported. @param {{id: string}} props */
function Unanswered({ id }) {
  const answer = () => {
    const model = modelFor(conversation.peek()?.model)?.id;
    answerAgain(id, model).catch((error) => toast(explain(error)));
  };
  return html`<p class="note"><span>${t("message.unanswered")}</span>
    <button type="button" class="plain" disabled=${running.value !== undefined}
      onClick=${answer}>${t("message.answerIt")}</button></p>`;
}

/** Where a message asks for something to be remembered, does so. @param {{text: string}} props */
function RememberButton({ text }) {
  const done = useSignal(false);
  const fact = toRemember(text);
  if (!fact || done.value || temporary.value) return null;
  const keep = () => {
    done.value = true;
    remember(fact);
  };
  return html`<button type="button" class="plain small" onClick=${keep}>${t("personal.remember")}</button>`;
}

/** @param {{text: string, files: import("../types.js").Attachment[]}} props a question that the server has not confirmed yet */
export function SentQuestion({ text, files }) {
  return html`<article class="question pending">
    <h2 class="unseen">${t("message.you")}</h2>
    <${SentFiles} files=${files} />
    <${QuestionText} id="" text=${text} />
  </article>`;
}

/** @param {{message: Message}} props */
function QuestionEditor({ message }) {
  const text = useSignal(textOf(message));
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useEffect(() => {
    box.current?.focus();
    box.current?.setSelectionRange(text.peek().length, text.peek().length);
  }, []);
  useLayoutEffect(() => fit(box.current), [text.value]);

  const leave = () => {
    editing.value = null;
    document.getElementById("composer")?.focus();
  };
  const save = () => {
    const changed = text.value.trim();
    if (!changed) return;
    sendFrom(changed, message.parent_id, leave, () => { editing.value = message.id; },
      message.attachments);
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      leave();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      save();
    }
  };
  return html`<article class="question editing">
    <textarea ref=${box} rows="1" dir="auto" aria-label=${t("message.editLabel")} value=${text}
      onInput=${(/** @type {any} */ event) => { text.value = event.target.value; }}
      onKeyDown=${onKeyDown}></textarea>
    <div class="buttons">
      <button type="button" class="plain" onClick=${leave}>${t("message.cancel")}</button>
      <button type="button" class="primary" disabled=${!text.value.trim()} onClick=${save}>
        ${t("message.save")}</button>
    </div>
  </article>`;
}

/** @param {{message: Message, place: Place, last: boolean, compared?: boolean}} props */
export function Answer({ message, place, last, compared = false }) {
  const text = textOf(message);
  const thinking = thinkingOf(message);
  const growing = message.state === "running";
  const uses = message.content.some((block) => block.type === "tool_use");
  return html`<article class="answer ${growing ? "growing" : ""} ${last ? "last" : ""}"
    aria-busy=${growing}>
    <h2 class="unseen">${t("message.answer")}</h2>
    ${thinking && !uses && html`<details class="thinking" open=${growing && !text}>
      <summary>${thoughtOf(message)}</summary><div dir="auto">${thinking}</div>
    </details>`}
    <${Cited} message=${message}>
      ${uses ? html`<${Steps} message=${message} growing=${growing} />`
        : text && html`<${Markdown} text=${text} growing=${growing}
          onDrawn=${(/** @type {HTMLElement} */ drawn) => mark(drawn, message.citations)} />`}<//>
    ${growing && !message.content.length && html`<${Waiting} />`}
    ${!growing && html`<${Sources} message=${message} />`}
    <${Outcome} message=${message} last=${last} />
    ${!growing && html`<div class="actions">
      <${Stepper} place=${place} />
      ${text && html`<${CopyButton} text=${text} marked model=${message.model} />
        <${ReadAloud} id=${message.id} text=${text} />`}
      ${!temporary.value && html`<${Thumbs} id=${message.id} />`}
      ${!compared && html`<${Again} message=${message} />`}
      <${Byline} message=${message} />
    </div>`}
  </article>`;
}

/** @param {Message} message */
function thoughtOf(message) {
  const seconds = thought.value[message.run_id ?? ""];
  return seconds ? t("message.thought", { seconds: number(seconds) }) : t("message.thinking");
}

/** A skeleton of the answer's first lines, once the wait is long enough to be noticed. */
function Waiting() {
  const model = modelFor(conversation.value?.model);
  useEffect(() => {
    const timer = setInterval(loadModels, MODEL_CHECK_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<div class="waiting">
    ${model?.state === "loading" && html`<p class="muted">${t("model.starting", { name: model.name })}</p>`}
    <span class="bone"></span><span class="bone"></span><span class="bone short"></span>
  </div>`;
}

/** @param {{message: Message}} props */
function Byline({ message }) {
  if (!message.usage) return null;
  const usage = t("message.usage", {
    input: number(message.usage.input_tokens), output: number(message.usage.output_tokens),
  });
  return html`<time class="byline" datetime=${message.created_at}
    title=${`${exactTime(message.created_at)} · ${usage}`}>${nameOf(message.model)}</time>`;
}

/** @param {{message: Message}} props */
function Again({ message }) {
  const again = (/** @type {string | undefined} */ model) => {
    if (!message.parent_id) return;
    answerAgain(message.parent_id, model).catch((error) => toast(explain(error)));
  };
  const busy = running.value !== undefined;
  return html`<${Action} icon="again" label=${t("message.again")} disabled=${busy}
      onClick=${() => again(modelFor(conversation.peek()?.model)?.id)} />
    ${!busy && writers.value.length > 1 && html`<${Menu} label=${t("message.againWith")} side="up"
      button=${html`<${Icon} name="down" />`} buttonClass="quiet square action narrow-square">
      ${writers.value.map((model) => html`<${Choice} key=${model.id} model=${model}
        chosen=${model.id === message.model} onChoose=${() => again(model.id)} />`)}<//>`}`;
}

/** @param {{icon: any, label: string, disabled?: boolean, onClick: () => void}} props */
function Action({ icon, label, disabled = false, onClick }) {
  return html`<button type="button" class="quiet square action" aria-label=${label} title=${label}
    disabled=${disabled} onClick=${onClick}><${Icon} name=${icon} /></button>`;
}

/** Steps between the versions of a message. @param {{place: Place}} props */
function Stepper({ place }) {
  if (place.count < 2) return null;
  const show = (/** @type {string} */ id) => readVersion(id).catch((error) => toast(explain(error)));
  return html`<div class="stepper" role="group" aria-label=${t("message.branches")}>
    <button type="button" class="quiet square action" aria-label=${t("message.earlier")}
      disabled=${!place.earlier} onClick=${() => place.earlier && show(place.earlier)}>
      <${Icon} name="left" /></button>
    <span aria-label=${t("message.position", { n: place.position, count: place.count })}>
      ${place.position}/${place.count}</span>
    <button type="button" class="quiet square action" aria-label=${t("message.later")}
      disabled=${!place.later} onClick=${() => place.later && show(place.later)}>
      <${Icon} name="right" /></button>
  </div>`;
}
