import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { ApiError } from "../api.js";
import { size } from "../format.js";
import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { openId } from "../router.js";
import { attach, attached, detach, LARGEST_BYTES, MOST_FILES, send } from "../state/attachments.js";
import { openSource } from "../state/source.js";
import { toast } from "../state/toasts.js";
import { Icon } from "./icons.js";

/** @typedef {import("../types.js").Attachment} Attachment */

/** @param {Iterable<File>} files */
function take(files) {
  const given = [...files];
  if (attached(openId.peek()).length + given.length > MOST_FILES) {
    toast(t("file.most", { count: MOST_FILES }));
  }
  attach(openId.peek(), given);
}

/** Longer texts that are pasted become files: read whole where they fit, found in where they do not. */
const LONG_PASTE = 8_000;

/**
 * Files that are pasted come to the draft, and long texts as files.
 * @param {ClipboardEvent} event
 */
export function onPaste(event) {
  const { files, types } = event.clipboardData ?? {};
  const text = event.clipboardData?.getData("text/plain") ?? "";
  const written = text && types?.includes("text/html"); // from an office program, which adds a picture of it
  if (files?.length && !written) {
    event.preventDefault();
    return take(files);
  }
  if (text.length <= LONG_PASTE) return;
  event.preventDefault();
  const where = openId.peek();
  const box = /** @type {HTMLTextAreaElement} */ (event.target);
  const [before] = attached(where).slice(-1);
  take([new File([text], t("file.pasted"), { type: "text/plain" })]);
  const made = attached(where).at(-1);
  if (!made || made === before) return;
  toast(t("file.pastedNote"), {
    label: t("file.pastedInline"),
    run: () => {
      detach(where, made.key);
      box.focus();
      box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
      box.dispatchEvent(new Event("input", { bubbles: true }));
    },
  });
}

/** Opens the system's own way to choose files. */
export function AttachButton() {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const most = useSignal("");
  // Not before it is looked at: a first number with its unit costs more than all else that is drawn.
  const say = () => { most.value = t("file.attachMost", { size: size(LARGEST_BYTES) }); };
  const onChange = (/** @type {any} */ event) => {
    take(event.target.files);
    event.target.value = "";
  };
  return html`<button type="button" class="quiet square" aria-label=${t("file.attach")}
      title=${most.value || t("file.attach")} onPointerEnter=${say} onFocus=${say}
      onClick=${() => input.current?.click()}><${Icon} name="attach" /></button>
    <input ref=${input} type="file" multiple hidden onChange=${onChange} />`;
}

/** Says where files may be dropped: anywhere on the page. */
export function DropZone() {
  const over = useSignal(false);
  useEffect(() => {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    const files = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragover", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      over.value = true;
    }, options);
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) over.value = false;
    }, options);
    addEventListener("drop", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      over.value = false;
      take(event.dataTransfer?.files ?? []);
    }, options);
    return () => stop.abort();
  }, []);
  return over.value ? html`<div class="drop" role="status">${t("file.drop")}</div>` : null;
}

/** The files of the draft. */
export function Attached() {
  const where = openId.value;
  const files = attached(where);
  if (!files.length) return null;
  return html`<ul class="files" aria-label=${t("file.list")}>
    ${files.map((draft) => html`<li class="file ${draft.state}" key=${draft.key}>
      <${Preview} kind=${draft.file?.kind} id=${draft.file?.id} />
      <span class="file-text"><span class="file-name" dir="auto">${draft.name}</span>
        <span class="file-state" role=${draft.error ? "alert" : undefined}>${stateOf(draft)}</span></span>
      ${draft.state === "sending" && html`<progress max="1" value=${draft.sent}
        aria-label=${t("file.sending")}></progress>`}
      ${draft.error && mayWork(draft.error) && html`<button type="button"
        class="quiet square" aria-label=${t("file.retry", { name: draft.name })}
        onClick=${() => send(where, draft.key)}><${Icon} name="again" /></button>`}
      <button type="button" class="quiet square" aria-label=${t("file.remove", { name: draft.name })}
        onClick=${() => detach(where, draft.key)}><${Icon} name="close" /></button>
    </li>`)}
  </ul>`;
}

/** Whether sending a file again may help. @param {Error} error */
function mayWork(error) {
  const status = error instanceof ApiError ? error.status : 0;
  return status !== 400 && status !== 413;
}

/** @param {import("../state/attachments.js").Draft} draft */
function stateOf(draft) {
  if (draft.error) {
    return "code" in draft.error && draft.error.code === "file_too_large"
      ? t("file.tooLarge", { size: size(LARGEST_BYTES) }) : explain(draft.error);
  }
  if (draft.state === "reading") return t("file.reading");
  return draft.file?.excerpt?.split("\n")[0] || size(draft.size);
}

/** @param {{kind?: string, id?: string}} props */
function Preview({ kind, id }) {
  return kind === "image"
    ? html`<img class="file-picture" src=${`/api/documents/${id}/picture?size=small`} alt="" />`
    : html`<${Icon} name="file" />`;
}

/** The files of a question that was sent. @param {{files?: Attachment[]}} props */
export function SentFiles({ files }) {
  if (!files?.length) return null;
  return html`<ul class="files sent" aria-label=${t("file.list")}>
    ${files.map((file) => html`<li key=${file.id}><button type="button" class="file"
      onClick=${() => { openSource.value = { file }; }}>
      <${Preview} kind=${file.kind} id=${file.id} />
      <span class="file-text"><span class="file-name" dir="auto">${file.filename}</span>
        <span class="file-state">${file.excerpt.split("\n")[0] || size(file.size)}</span></span>
    </button></li>`)}
  </ul>`;
}
