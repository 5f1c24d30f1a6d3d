import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { refusal, request } from "../../api.js";
import { html } from "../../html.js";
import { explain, language, t } from "../../i18n.js";
import { LARGEST_BYTES } from "../../state/attachments.js";
import { loadTools, tools } from "../../state/tools.js";
import { size } from "../../format.js";
import { Check } from "../fields.js";
import { Icon } from "../icons.js";

/**
 * Which tools an assistant may use.
 * @param {{chosen: string[], onChange: (names: string[]) => void}} props
 */
export function ToolsChoice({ chosen, onChange }) {
  useEffect(() => {
    loadTools();
  }, []);
  const known = tools.value.map((tool) => [tool.name, tool.title[language.value]]);
  const gone = chosen.filter((name) => !tools.value.some((tool) => tool.name === name));
  const all = [...known, ...gone.map((name) => [name, name])];
  if (!all.length) return null;
  return html`<fieldset class="choices"><legend>${t("assistant.tools")}</legend>
    ${all.map(([name, title]) => html`<${Check} key=${name} label=${title} on=${chosen.includes(name)}
      onChange=${(/** @type {boolean} */ on) =>
        onChange(on ? [...chosen, name] : chosen.filter((other) => other !== name))} />`)}
    <small class="muted">${t("assistant.toolsNote")}</small></fieldset>`;
}

/**
 * The documents that an assistant knows: names of its maker's.
 * @param {{chosen: string[], shared: boolean, onChange: (ids: string[]) => void}} props
 */
export function KnowledgeChoice({ chosen, shared, onChange }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const latest = useRef(chosen);
  latest.current = chosen;
  const names = useSignal(/** @type {Record<string, string>} */ ({}));
  const busy = useSignal(false);
  const problem = useSignal(/** @type {Error | null} */ (null));
  const name = (/** @type {string} */ id, /** @type {string} */ words) => {
    names.value = { ...names.value, [id]: words };
  };
  useEffect(() => {
    for (const id of chosen) {
      request("GET", `/api/documents/${encodeURIComponent(id)}`)
        .then((file) => name(id, file.filename), () => name(id, t("assistant.fileGone")));
    }
  }, []);
  const upload = async () => {
    problem.value = null;
    busy.value = true;
    const added = [];
    try {
      for (const file of input.current?.files ?? []) {
        const made = await uploaded(file);
        name(made.id, made.filename);
        added.push(made.id);
      }
    } catch (error) {
      problem.value = /** @type {Error} */ (error);
    }
    busy.value = false;
    if (added.length) onChange([...latest.current, ...added]);
    if (input.current) input.current.value = "";
  };
  return html`<fieldset class="choices"><legend>${t("assistant.knowledge")}</legend>
    ${chosen.length > 0 && html`<ul class="things">${chosen.map((id) => html`<li key=${id}>
      <span class="thing-text" dir="auto">${names.value[id] ?? "…"}</span>
      <button type="button" class="quiet square" title=${t("list.delete")}
        aria-label=${t("file.remove", { name: names.value[id] ?? id })}
        onClick=${() => onChange(chosen.filter((other) => other !== id))}><${Icon} name="close" /></button>
    </li>`)}</ul>`}
    ${problem.value && html`<p class="note bad" role="alert"><${Icon} name="alert" />
      <span>${explain(problem.value)}</span></p>`}
    <input ref=${input} type="file" multiple hidden onChange=${upload} />
    <button type="button" class="plain" disabled=${busy.value} onClick=${() => input.current?.click()}>
      <${Icon} name="attach" />${t(busy.value ? "assistant.adding" : "assistant.addFile",
        { size: size(LARGEST_BYTES) })}</button>
    <small class="muted">${t(shared ? "assistant.knowledgeShared" : "assistant.knowledgeNote")}</small>
  </fieldset>`;
}

/** Store a text file as a document. @param {File} file @returns {Promise<import("../../types.js").Attachment>} */
export async function uploaded(file) {
  const form = new FormData();
  form.append("file", file, file.name);
  const response = await fetch("/api/documents", { method: "POST", body: form });
  if (!response.ok) throw await refusal(response, "/api/documents");
  const made = await response.json();
  if (made.kind === "text") return made;
  request("DELETE", `/api/documents/${made.id}`).catch(() => {});
  throw new Error(t("assistant.noPictures"));
}
