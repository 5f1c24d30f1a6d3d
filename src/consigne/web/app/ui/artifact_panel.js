import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { Markdown } from "../markdown/view.js";
import { artifact, closeArtifact, openArtifact } from "../state/artifact.js";
import { openId } from "../router.js";
import { Icon } from "./icons.js";
import { PanelEdge } from "./panel_edge.js";

/** @typedef {import("../state/artifact.js").Artifact} Artifact */

/** What the conversation made, beside it; on a phone, in its place. */
export function ArtifactPanel() {
  const shown = artifact.value;
  const panel = useRef(/** @type {HTMLElement | null} */ (null));
  const source = useSignal(false);
  useEffect(() => {
    if (shown && shown.conversation_id !== openId.value) closeArtifact();
  }, [openId.value]);
  useEffect(() => panel.current?.focus({ preventScroll: true }), [shown?.id]);
  if (!shown) return null;
  const drawn = shown.kind === "html" || shown.kind === "svg";
  const leave = () => {
    closeArtifact();
    document.getElementById("composer")?.focus();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    leave();
  };
  return html`<aside class="artifact" ref=${panel} tabindex="-1" aria-label=${shown.title}
    onKeyDown=${onKeyDown}>
    <${PanelEdge} />
    <header class="artifact-head">
      <h2 dir="auto">${shown.title}</h2>
      ${shown.versions > 1 && html`<${Versions} shown=${shown} />`}
      ${drawn && html`<button type="button" class="plain" aria-pressed=${source.value}
        onClick=${() => { source.value = !source.value; }}>${t("artifact.source")}</button>`}
      <a class="quiet square button" aria-label=${t("artifact.download")} title=${t("artifact.download")}
        href=${`/api/artifacts/${shown.id}/download?version=${shown.number}`}><${Icon} name="download" /></a>
      <button type="button" class="quiet square" aria-label=${t("app.close")} onClick=${leave}>
        <${Icon} name="close" /></button>
    </header>
    ${drawn && !source.value ? html`<${Drawn} key=${`${shown.id} ${shown.number}`} shown=${shown} />`
      : html`<div class="artifact-text" tabindex="0"><${Markdown} growing=${false}
          text=${shown.kind === "document" ? shown.content : fenced(shown)} /></div>`}
  </aside>`;
}

/** @param {{shown: Artifact}} props */
function Versions({ shown }) {
  const step = (/** @type {number} */ by) => openArtifact(shown.id, shown.number + by);
  return html`<div class="stepper" role="group" aria-label=${t("message.branches")}>
    <button type="button" class="quiet square action" aria-label=${t("message.earlier")}
      disabled=${shown.number === 1} onClick=${() => step(-1)}><${Icon} name="left" /></button>
    <span aria-label=${t("message.position", { n: shown.number, count: shown.versions })}>
      ${shown.number}/${shown.versions}</span>
    <button type="button" class="quiet square action" aria-label=${t("message.later")}
      disabled=${shown.number === shown.versions} onClick=${() => step(1)}><${Icon} name="right" /></button>
  </div>`;
}

/** Runs in a frame of an origin of its own, without any network. @param {{shown: {title: string, content: string}}} props */
export function Drawn({ shown }) {
  const frame = useRef(/** @type {HTMLIFrameElement | null} */ (null));
  useLayoutEffect(() => {
    const hear = (/** @type {MessageEvent} */ event) => {
      const target = frame.current?.contentWindow;
      if (!target || event.source !== target || event.data !== "ready") return;
      target.postMessage({ markup: shown.content }, "*");
    };
    addEventListener("message", hear);
    return () => removeEventListener("message", hear);
  }, []);
  return html`<iframe class="artifact-frame" ref=${frame} title=${shown.title} src="/frame/artifact"
    sandbox="allow-scripts"></iframe>`;
}

/** @param {{kind: string, language: string, content: string}} shown */
export function fenced(shown) {
  const runs = shown.content.match(/`{3,}/g) ?? [];
  const fence = "`".repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
  const language = shown.kind === "code" ? shown.language : shown.kind;
  return `${fence}${language}\n${shown.content}\n${fence}`;
}
