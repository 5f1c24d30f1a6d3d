import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { dayOf, exactTime, number, size } from "../../format.js";
import { html } from "../../html.js";
import { t } from "../../i18n.js";
import { go } from "../../router.js";
import { deleteFile, files, loadFiles, olderFiles } from "../../state/files.js";
import { overlay } from "../../state/look.js";
import { openSource } from "../../state/source.js";
import { Icon } from "../icons.js";

/** @typedef {import("../../state/files.js").GivenFile} GivenFile */

/** All files that one has given, the newest first. */
export function FilesPanel() {
  useEffect(() => {
    loadFiles();
  }, []);
  const given = files.value;
  return html`<p class="muted">${t("files.lead")}</p>
    ${given?.length === 0 && html`<p class="note">${t("files.none")}</p>`}
    ${!given && html`<div class="skeleton"><span class="bone"></span><span class="bone short"></span></div>`}
    <ul class="things">${given?.map((file) => html`<${Line} key=${file.id} file=${file} />`)}</ul>
    ${olderFiles.value && html`<button type="button" class="plain older"
      onClick=${() => loadFiles(true)}>${t("list.more")}</button>`}`;
}

/** @param {{file: GivenFile}} props */
function Line({ file }) {
  const asked = useSignal(false);
  const name = file.filename;
  return html`<li>
    <div class="thing-text">
      <button type="button" class="link" dir="auto" onClick=${() => { openSource.value = { file }; }}>
        ${name}</button>
      <span class="muted small">${size(file.size)} · <time datetime=${file.created_at}
        title=${exactTime(file.created_at)}>${dayOf(file.created_at)}</time> · ${stateOf(file)}</span>
      <${Uses} file=${file} />
    </div>
    <div class="thing-acts">
      <a class="quiet square button" download href=${`/api/documents/${file.id}/content`}
        aria-label=${t("files.download", { name })} title=${t("source.download")}>
        <${Icon} name="download" /></a>
      ${asked.value
        ? html`<button type="button" class="plain" ref=${focus} onBlur=${() => { asked.value = false; }}
            onClick=${() => deleteFile(file)}>${t("picture.really")}</button>`
        : html`<button type="button" class="quiet square" title=${t("list.delete")}
            aria-label=${t("library.deleteLabel", { name })}
            onClick=${() => { asked.value = true; }}><${Icon} name="trash" /></button>`}
    </div>
  </li>`;
}

/** @param {HTMLElement | null} element */
function focus(element) {
  element?.focus();
}

/** What was read of a file, and whether it can be found yet. @param {GivenFile} file */
function stateOf(file) {
  if (file.kind === "image") return t("files.picture");
  const read = file.pages === null ? t("files.read") : t("files.pages", { count: file.pages });
  const parts = [file.cut ? t("files.cut") : read];
  if (file.indexed > 0 && file.indexed < file.passages) {
    parts.push(t("files.indexing", { part: number(file.indexed), all: number(file.passages) }));
  }
  return parts.join(" · ");
}

/** Where a file is used: a conversation opens. @param {{file: GivenFile}} props */
function Uses({ file }) {
  const { conversations, assistants, projects } = file;
  if (!conversations.length && !assistants.length && !projects.length) {
    return html`<span class="muted small">${t("files.unused")}</span>`;
  }
  const open = (/** @type {string} */ id) => {
    overlay.value = "";
    go(id);
  };
  return html`<span class="small file-uses">
    ${conversations.map(({ id, name }) => html`<a key=${id} dir="auto" href=${`/c/${id}`}
      onClick=${(/** @type {MouseEvent} */ event) => {
        event.preventDefault();
        open(id);
      }}>${name || t("list.untitled")}</a>`)}
    ${assistants.map(({ id, name }) => html`<span key=${id} dir="auto">
      ${t("files.assistant", { name })}</span>`)}
    ${projects.map(({ id, name }) => html`<span key=${id} dir="auto">
      ${t("project.of", { name })}</span>`)}
  </span>`;
}
