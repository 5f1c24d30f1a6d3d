import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { request } from "../api.js";
import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { openSource } from "../state/source.js";
import { named } from "./citations.js";
import { Dialog } from "./dialog.js";

/** The open file: beside the conversation where there is room, over it on a phone. */
export function SourcePanel() {
  const { citation, file } = openSource.value ?? {};
  const id = citation?.document_id ?? file?.id ?? "";
  const title = citation ? named(citation) : file?.filename ?? "";
  const close = () => { openSource.value = null; };
  return html`<${Dialog} label=${title} title=${title} kind="source" onClose=${close}>
    <div class="source-body">
      <a class="plain" href=${`/api/documents/${id}/content`} download>${t("source.download")}</a>
      ${file?.kind === "image"
        ? html`<img class="source-picture" src=${`/api/documents/${id}/picture`} alt=${file.filename} />`
        : html`<${Passages} id=${id} citation=${citation} />`}
    </div>
  <//>`;
}

/** @param {{id: string, citation?: import("../types.js").Citation}} props */
function Passages({ id, citation }) {
  const found = useSignal(/** @type {any} */ (null));
  const error = useSignal(/** @type {Error | null} */ (null));
  const here = useRef(/** @type {HTMLElement | null} */ (null));
  const at = useSignal(citation?.passage ?? 0);
  useEffect(() => {
    let current = true;
    request("GET", `/api/documents/${id}/passages?around=${at.value}`).then(
      (body) => { if (current) found.value = body; },
      (reason) => { if (current) error.value = reason; });
    return () => { current = false; };
  }, [id, at.value]);
  useEffect(() => here.current?.scrollIntoView({ block: "center" }), [found.value]);
  if (error.value) {
    // The file is gone; what the answer rests on was kept with it.
    return citation ? html`<p class="note">${t("source.gone")}</p>
        <mark class="passage" dir="auto">${citation.text}</mark>`
      : html`<p class="note bad" role="alert">${explain(error.value)}</p>`;
  }
  if (!found.value) return null;
  const { passages, earlier, later } = found.value;
  const go = (/** @type {number} */ where) => { at.value = Math.max(0, where); };
  let page = /** @type {number | null} */ (null);
  return html`<div class="passages" tabindex="0" role="region" aria-label=${t("source.text")}>
    ${earlier && html`<button type="button" class="plain" onClick=${() => go(passages[0].number - 1)}>
      ${t("source.earlier")}</button>`}
    ${passages.map((/** @type {any} */ passage) => {
      const head = passage.page !== null && passage.page !== page;
      page = passage.page;
      const cited = passage.number === citation?.passage;
      return html`${head && html`<h3>${t("source.pageHead", { page: passage.page })}</h3>`}
        ${cited ? html`<mark class="passage" ref=${here} dir="auto">${passage.text}</mark>`
          : html`<span class="passage" dir="auto">${passage.text}</span>`}`;
    })}
    ${later && html`<button type="button" class="plain"
      onClick=${() => go(passages.at(-1).number + 1)}>${t("source.later")}</button>`}
  </div>`;
}
