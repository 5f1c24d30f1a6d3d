import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { size } from "../../format.js";
import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { uuid } from "../../platform.js";
import { LARGEST_BYTES } from "../../state/attachments.js";
import { changeFile, opened, readProject } from "../../state/projects.js";
import { openSource } from "../../state/source.js";
import { toast } from "../../state/toasts.js";
import { Icon } from "../icons.js";
import { uploaded } from "../library/reach.js";

/**
 * @typedef {import("../../state/projects.js").Opened} Opened
 * @typedef {import("../../state/projects.js").ProjectFile} ProjectFile
 * @typedef {{key: string, name: string, error: Error | null}} Coming a file on its way
 */

const LOOK_AGAIN_MS = 2_000;
/** After so many looks without any progress, none is expected: perhaps no model embeds here. */
const MOST_IDLE_LOOKS = 5;

/** The files that a project's conversations stand on. @param {{found: Opened}} props */
export function ProjectFiles({ found }) {
  const { project, files } = found;
  const coming = useSignal(/** @type {Coming[]} */ ([]));
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useProgress(project.id, files);

  const note = (/** @type {string} */ key, /** @type {Error | null} */ error) => {
    coming.value = error
      ? coming.value.map((one) => (one.key === key ? { ...one, error } : one))
      : coming.value.filter((one) => one.key !== key);
  };
  const add = async (/** @type {File} */ file) => {
    const key = uuid();
    coming.value = [...coming.value, { key, name: file.name, error: null }];
    try {
      const made = await uploaded(file);
      await changeFile(project.id, made.id, "PUT");
      note(key, null);
    } catch (error) {
      note(key, /** @type {Error} */ (error));
    }
  };
  const onChange = async () => {
    const given = [...(input.current?.files ?? [])];
    if (input.current) input.current.value = "";
    for (const file of given) await add(file);
  };
  return html`<section><h3>${t("project.files")}</h3>
    <p class="muted">${t("project.filesLead")}</p>
    <ul class="things">
      ${files.map((file) => html`<${Line} key=${file.id} file=${file} found=${found} />`)}
      ${coming.value.map((one) => html`<li key=${one.key}><${Icon} name=${one.error ? "alert" : "file"} />
        <div class="thing-text"><span dir="auto">${one.name}</span>
          <span class="small ${one.error ? "bad" : "muted"}" role=${one.error ? "alert" : "status"}>
            ${one.error ? explain(one.error) : t("project.file.coming")}</span></div>
        ${one.error && html`<button type="button" class="quiet square"
          aria-label=${t("file.remove", { name: one.name })} onClick=${() => note(one.key, null)}>
          <${Icon} name="close" /></button>`}</li>`)}
    </ul>
    ${project.may_change && html`<input ref=${input} type="file" multiple hidden onChange=${onChange} />
      <button type="button" class="plain" onClick=${() => input.current?.click()}>
        <${Icon} name="attach" />${t("project.addFiles")}</button>
      <small class="muted">${t("project.filesMost", { size: size(LARGEST_BYTES) })}</small>`}
  </section>`;
}

/** @param {{file: ProjectFile, found: Opened}} props */
function Line({ file, found }) {
  const { id, may_change: mayChange } = found.project;
  const fail = (/** @type {Error} */ error) => toast(explain(error));
  const remove = async () => {
    await changeFile(id, file.id, "DELETE");
    toast(t("project.fileRemoved", { name: file.filename }), {
      label: t("list.undo"),
      run: () => { changeFile(id, file.id, "PUT").catch(fail); },
    });
  };
  return html`<li><${Icon} name="file" />
    <div class="thing-text"><button type="button" class="link" dir="auto"
        onClick=${() => { openSource.value = { file }; }}>${file.filename}</button>
      <span class="muted small">${stateOf(file)}</span></div>
    ${mayChange && html`<button type="button" class="quiet square" title=${t("project.removeFile")}
      aria-label=${t("file.remove", { name: file.filename })}
      onClick=${() => remove().catch(fail)}><${Icon} name="close" /></button>`}
  </li>`;
}

/** @param {ProjectFile} file */
function stateOf(file) {
  const said = [size(file.size)];
  if (file.indexed < file.passages) {
    const percent = Math.floor((100 * file.indexed) / file.passages);
    said.push(percent ? t("project.file.indexing", { percent }) : t("project.file.words"));
  } else {
    said.push(t("project.file.ready"));
  }
  if (file.cut) said.push(t("project.file.cut"));
  return said.join(" · ");
}

/**
 * Look again while files are still made ready to be found by their meaning.
 * @param {string} id
 * @param {ProjectFile[]} files
 */
function useProgress(id, files) {
  const done = files.reduce((sum, file) => sum + file.indexed, 0);
  const behind = files.some((file) => file.indexed < file.passages);
  useEffect(() => {
    if (!behind) return undefined;
    let looks = 0;
    const timer = setInterval(() => {
      if (document.hidden || opened.peek()?.project.id !== id) return;
      looks += 1;
      if (looks > MOST_IDLE_LOOKS) clearInterval(timer);
      else readProject(id);
    }, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [id, behind, done]);
}
