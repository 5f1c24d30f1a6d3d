import { useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { openId } from "../router.js";
import { attached, keepAttached } from "../state/attachments.js";
import { draft, keepDraft } from "../state/drafts.js";
import { head } from "../state/branch.js";
import { editing, outgoing, running, shown, writable } from "../state/thread.js";
import { temporary } from "../state/temporary.js";
import { stop } from "../state/turns.js";
import { toast } from "../state/toasts.js";
import { AttachButton, Attached, DropZone, onPaste } from "./attachments.js";
import { mustChoose, Second } from "./compare.js";
import { Icon } from "./icons.js";
import { ModelPicker } from "./model_picker.js";
import { promptHints, promptKey, PromptMenu } from "./prompt_menu.js";
import { fit, sendFrom, unsent } from "./sending.js";
import { Dictate } from "./speech.js";
import { ToolsMenu } from "./tools_menu.js";

/** Where instructions are written. */
export function Composer() {
  const box = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const where = openId.value;
  const text = draft(where);
  const busy = running.value !== undefined;

  useLayoutEffect(() => fit(box.current), [text, where]);
  // Before the person can act, and never out of what they have opened meanwhile.
  useLayoutEffect(() => {
    const busyElsewhere = document.activeElement?.closest('.menu:has([aria-expanded="true"]), dialog');
    const fine = matchMedia("(pointer: fine)").matches;
    if (fine && !busyElsewhere) box.current?.focus({ preventScroll: true });
  }, [where]);

  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy) stop().catch((error) => toast(explain(error)));
    else sendDraft();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (promptKey(event, text)) return;
    if (event.key === "ArrowUp" && !text) editLast(event);
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (matchMedia("(pointer: coarse)").matches) return; // touch keyboards have no Shift+Enter
    event.preventDefault();
    if (!busy) sendDraft();
  };
  const problem = unsent.value?.where === where ? unsent.value : null;

  return html`<form class="composer" onSubmit=${onSubmit}>
    ${problem && html`<p class="note bad" role="alert"><${Icon} name="alert" />
      <span>${t("composer.notSent", { reason: explain(problem.error) })}</span></p>`}
    <${PromptMenu} text=${text} />
    <div class="composer-box">
      ${!temporary.value && html`<${Attached} />`}
      <${Second} />
      <textarea id="composer" ref=${box} rows="1" value=${text} aria-label=${t("composer.label")}
        placeholder=${t("composer.placeholder")} enterkeyhint="enter" dir="auto"
        onInput=${(/** @type {any} */ event) => keepDraft(where, event.target.value)}
        onKeyDown=${onKeyDown} onPaste=${temporary.value ? undefined : onPaste} ...${promptHints(text)}></textarea>
      <div class="composer-row">
        <div class="composer-tools">${!temporary.value && html`<${AttachButton} />`}
          <${ModelPicker} />${!temporary.value && html`<${ToolsMenu} />`}</div>
        <${Dictate} />
        <${Submit} busy=${busy} ready=${text.trim() !== "" && !outgoing.value && writable.value && settled(where)} />
      </div>
    </div>
    ${!temporary.value && html`<${DropZone} />`}
  </form>`;
}

/** Sends or stops; the cursor stays in the field. @param {{busy: boolean, ready: boolean}} props */
function Submit({ busy, ready }) {
  const label = t(busy ? "composer.stop" : "composer.send");
  return html`<button type="submit" class="primary round" disabled=${!busy && !ready}
    aria-label=${label} title=${label}
    onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()}>
    ${busy ? html`<span class="stop-square"></span>` : html`<${Icon} name="send" />`}
  </button>`;
}

/** The files of a draft; a temporary chat takes none. @param {string | null} where */
function filesOf(where) {
  return temporary.value ? [] : attached(where);
}

/** Whether every file of a draft has arrived. @param {string | null} where */
function settled(where) {
  return filesOf(where).every((file) => file.state === "ready");
}

async function sendDraft() {
  const where = openId.peek();
  const text = draft(where).trim();
  if (!text || outgoing.peek() || !writable.peek() || !settled(where) || mustChoose()) return;
  const files = filesOf(where);
  const leave = () => {
    keepDraft(where, "");
    if (files.length) keepAttached(where, []);
  };
  const giveBack = (/** @type {string | null} */ place) => {
    keepDraft(place, [text, draft(place)].filter(Boolean).join("\n\n"));
    if (files.length) keepAttached(place, [...files, ...attached(place)]);
  };
  const last = shown.peek().at(-1);
  // After a question that nobody answered: beside it.
  const parent = last?.role === "user" && last.id === head.peek() ? last.parent_id : head.peek();
  await sendFrom(text, parent, leave, giveBack, files.flatMap((one) => one.file ?? []));
}

/** @param {KeyboardEvent} event */
function editLast(event) {
  const last = shown.peek().findLast((message) => message.role === "user");
  if (!last) return;
  event.preventDefault();
  editing.value = last.id;
}
