import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { request } from "../../api.js";
import { day } from "../../format.js";
import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { cited } from "../../markdown/cite.js";
import { Markdown } from "../../markdown/view.js";
import { madeBy } from "../../state/artifact.js";
import { Drawn, fenced } from "../artifact_panel.js";
import { named } from "../citations.js";
import { Icon, Mark } from "../icons.js";
import { QuestionText } from "../question_text.js";

/**
 * A conversation as a link shows it.
 *
 * @typedef {{id: string, number: number, title: string, kind: "html" | "svg" | "code" | "document",
 *   language: string, content: string}} SharedArtifact
 * @typedef {{id: string, role: "user" | "assistant", content: import("../../types.js").Block[],
 *   sources: import("../../types.js").Source[], citations: import("../../types.js").Citation[],
 *   attachments: string[]}} SharedMessage
 * @typedef {{title: string, shared_at: string, messages: SharedMessage[],
 *   artifacts: SharedArtifact[]}} Shared
 */

/** @param {{token: string}} props */
export function SharedPage({ token }) {
  const shared = useSignal(/** @type {Shared | null} */ (null));
  const problem = useSignal(/** @type {Error | null} */ (null));
  const load = () => {
    problem.value = null;
    request("GET", `/api/shared/${token}`)
      .then((found) => { shared.value = found; }, (error) => { problem.value = error; });
  };
  useEffect(load, []);
  const found = shared.value;
  useEffect(() => {
    if (found) document.title = `${found.title || t("app.conversation")} · Consigne`;
  }, [found]);
  return html`<header class="shared-bar"><a class="brand" href="/"><${Mark} /><span>Consigne</span></a>
      ${found && html`<${GoOn} token=${token} />`}</header>
    <main class="shared">
      ${problem.value && html`<div class="instead" role="alert"><p>${explain(problem.value)}</p>
        <button type="button" class="primary" onClick=${load}>${t("app.retry")}</button></div>`}
      ${!found && !problem.value && html`<div class="skeleton" role="status" aria-label=${t("app.loading")}>
        <span class="bone panel"></span><span class="bone"></span><span class="bone short"></span></div>`}
      ${found && html`<h1 dir="auto">${found.title || t("app.conversation")}</h1>
        <p class="muted small">${t("share.asOf", { date: day(found.shared_at) })}</p>
        <div class="messages">${found.messages.map((message) => html`<${Turn} key=${message.id}
          message=${message} shared=${found} token=${token} />`)}</div>
        <p class="muted small">${t("share.note")}</p>`}
    </main>`;
}

/** Lets whoever is signed in go on with a copy. @param {{token: string}} props */
function GoOn({ token }) {
  const known = useSignal(false);
  const problem = useSignal(/** @type {Error | null} */ (null));
  useEffect(() => {
    request("GET", "/api/session").then(() => { known.value = true; }, () => {});
  }, []);
  if (!known.value) return null;
  const goOn = async () => {
    problem.value = null;
    try {
      const made = await request("POST", `/api/shared/${token}/continue`, {});
      location.assign(`/c/${made.conversation_id}`);
    } catch (error) {
      problem.value = /** @type {Error} */ (error);
    }
  };
  return html`<div>${problem.value && html`<span class="bad" role="alert">${explain(problem.value)}</span>`}
    <button type="button" class="primary" onClick=${goOn}>${t("share.goOn")}</button></div>`;
}

/** @param {{message: SharedMessage, shared: Shared, token: string}} props */
function Turn({ message, shared, token }) {
  const question = message.role === "user";
  const text = message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return html`<article class="turn ${question ? "question" : "answer"}">
    <h2 class="unseen">${t(question ? "share.asked" : "message.answer")}</h2>
    ${message.attachments.length > 0 && html`<ul class="shared-files" aria-label=${t("file.list")}>
      ${message.attachments.map((name, at) => html`<li key=${at} dir="auto"><${Icon} name="file" />${name}</li>`)}</ul>`}
    ${question
      ? html`<${QuestionText} id=${`shared ${message.id}`} text=${text} />`
      : message.content.map((block, at) => html`<${Part} key=${at} block=${block} message=${message}
          shared=${shared} token=${token} />`)}
    ${!question && html`<${Cites} message=${message} />`}
  </article>`;
}

/**
 * @param {{block: import("../../types.js").Block, message: SharedMessage, shared: Shared,
 *   token: string}} props
 */
function Part({ block, message, shared, token }) {
  if (block.type === "text") {
    return block.text.trim() && html`<${Markdown} growing=${false} text=${cited(block.text, message.sources)} />`;
  }
  if (block.type !== "tool_result") return null;
  const id = madeBy(block);
  const number = Number(/version: (\d+)/.exec(JSON.stringify(block.content))?.[1]);
  const made = shared.artifacts.find((one) => one.id === id && one.number === number);
  if (made) return html`<${Made} made=${made} />`;
  const use = message.content.find((one) => one.type === "tool_use" && one.id === block.tool_use_id);
  const prompt = use?.type === "tool_use" ? String(use.input.prompt ?? "") : "";
  return block.content.map((each, at) => each.type === "image"
    && html`<${SharedPicture} key=${at} address=${each.url ?? ""} prompt=${prompt} token=${token} />`);
}

/** @param {{address: string, prompt: string, token: string}} props */
function SharedPicture({ address, prompt, token }) {
  const missing = useSignal(false);
  if (missing.value) return html`<p class="muted">${t("picture.gone")}</p>`;
  const [path, size = ""] = address.split("#");
  const [width, height] = size.split("x").map(Number);
  return html`<figure class="picture"><img src=${`/api/shared/${token}/pictures/${path.split("/")[3]}`}
    width=${width || undefined} height=${height || undefined} alt=${prompt}
    onError=${() => { missing.value = true; }} /></figure>`;
}

/** What an answer made, folded. @param {{made: SharedArtifact}} props */
function Made({ made }) {
  const open = useSignal(false);
  const drawn = made.kind === "html" || made.kind === "svg";
  return html`<details class="shared-made" onToggle=${(/** @type {any} */ event) => { open.value = event.target.open; }}>
    <summary dir="auto">${made.title}</summary>
    ${open.value && (drawn ? html`<${Drawn} shown=${made} />`
      : html`<${Markdown} growing=${false} text=${made.kind === "document" ? made.content : fenced(made)} />`)}
  </details>`;
}

/** Files that an answer cites, by name, and pages of the web. @param {{message: SharedMessage}} props */
function Cites({ message }) {
  const { citations, sources } = message;
  const count = citations.length + sources.length;
  if (!count) return null;
  return html`<details class="sources"><summary>${t("sources.cited", { count })}</summary>
    <ol>${citations.map((one) => html`<li key=${`f${one.number}`} value=${one.number} dir="auto">${named(one)}</li>`)}
      ${sources.map((one) => html`<li key=${`w${one.number}`} value=${one.number}>
        <a href=${one.url} target="_blank" rel="noopener noreferrer">${one.title || one.url}</a></li>`)}</ol>
  </details>`;
}
