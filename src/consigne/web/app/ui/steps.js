import { useSignal } from "@preact/signals";

import { size } from "../format.js";
import { html } from "../html.js";
import { explain, has, language, t } from "../i18n.js";
import { cited } from "../markdown/cite.js";
import { Markdown } from "../markdown/view.js";
import { filesOf, madeBy, openArtifact } from "../state/artifact.js";
import { giveLeave, tools } from "../state/tools.js";
import { toast } from "../state/toasts.js";
import { mark } from "./citations.js";
import { Icon } from "./icons.js";
import { MadePicture, Progress } from "./pictures.js";

/**
 * An answer that used tools: its texts, and between them the steps, folded.
 *
 * @typedef {import("../types.js").Message} Message
 * @typedef {import("../types.js").Block} Block
 * @typedef {import("../types.js").ToolUse} ToolUse
 * @typedef {import("../types.js").ToolResult} ToolResult
 */

/** @param {{message: Message, growing: boolean}} props */
export function Steps({ message, growing }) {
  const parts = partsOf(message.content);
  return parts.map((part, at) => {
    const open = growing && at === parts.length - 1;
    if (typeof part !== "string") {
      return html`<${Group} key=${at} message=${message} blocks=${part} growing=${growing}
        last=${open} />`;
    }
    return html`<${Markdown} key=${at} growing=${open} text=${cited(part, message.sources ?? [])}
      onDrawn=${(/** @type {HTMLElement} */ drawn) => mark(drawn, message.citations)} />`;
  });
}

/**
 * Texts, and between them what was thought and done.
 * @param {Block[]} content
 */
function partsOf(content) {
  /** @type {(string | Block[])[]} */
  const parts = [];
  for (const block of content) {
    const last = parts.at(-1);
    if (block.type === "text") {
      if (block.text.trim()) parts.push(block.text);
    } else if (Array.isArray(last)) {
      last.push(block);
    } else {
      parts.push([block]);
    }
  }
  return parts;
}

/** @param {{message: Message, blocks: Block[], growing: boolean, last: boolean}} props */
function Group({ message, blocks, growing, last }) {
  const results = new Map(
    blocks.flatMap((block) => (block.type === "tool_result" ? [[block.tool_use_id, block]] : [])),
  );
  const idle = last && blocks.at(-1)?.type === "tool_result";
  return html`<ol class="steps" aria-label=${t("step.list")}>
    ${blocks.map((block, at) => block.type === "tool_use"
      ? html`<${Step} key=${block.id} message=${message} use=${block} growing=${growing}
          result=${results.get(block.id)} />`
      : block.type === "thinking" && html`<li key=${at}><details class="step">
          <summary>${t("message.thinking")}</summary>
          <div class="step-body" dir="auto">${block.thinking}</div></details></li>`)}
    ${idle && html`<li class="step-idle"><span class="bone short"></span></li>`}
  </ol>`;
}

/**
 * @param {{message: Message, use: ToolUse, growing: boolean, result?: ToolResult}} props
 */
function Step({ message, use, growing, result }) {
  const waiting = growing && !result;
  const made = result && madeBy(result);
  const files = result ? filesOf(result) : [];
  const pictures = result?.content.filter((block) => block.type === "image") ?? [];
  return html`<li>
    <details class="step ${result?.is_error ? "bad" : ""}">
      <summary><span class="step-label">${label(use, !result)}</span>
        ${waiting && use.stage !== "asks" && html`<span class="step-busy" role="status">
          <span class="unseen">${t("step.busy")}</span></span>`}
        ${result?.is_error && html`<span class="tag">${t("step.failed")}</span>`}</summary>
      <div class="step-body">
        <h3>${t("step.input")}</h3>
        <${Input} input=${use.input} />
        ${result && html`<h3>${t("step.output")}</h3>
          <pre tabindex="0" dir="auto">${textOf(result)}</pre>`}
      </div>
    </details>
    ${use.name === "plan" && html`<${Plan} steps=${use.input.steps} />`}
    ${made && html`<button type="button" class="plain made" onClick=${() => openArtifact(made)}>
      <${Icon} name="panel" />${t("artifact.open")}</button>`}
    ${waiting && use.total && html`<${Progress} use=${use} />`}
    ${pictures.map((picture, at) => (picture.url?.startsWith("/api/pictures/")
      ? html`<${MadePicture} key=${at} address=${picture.url} message=${message} />`
      : html`<${Picture} key=${at} picture=${picture}
          name=${files.find((file) => file.address === picture.url)?.name} />`))}
    <${Files} files=${files} />
    ${waiting && use.stage === "asks" && html`<${Leave} message=${message} use=${use} />`}
  </li>`;
}

/** What research sets out to do. @param {{steps: unknown}} props */
function Plan({ steps }) {
  if (!Array.isArray(steps)) return null;
  return html`<ol class="step-plan">
    ${steps.map((step, at) => html`<li key=${at} dir="auto">${String(step)}</li>`)}</ol>`;
}

/**
 * @param {{picture: {media_type: string | null, data: string | null, url: string | null}, name?: string}} props
 */
function Picture({ picture, name }) {
  const address = picture.data ? `data:${picture.media_type};base64,${picture.data}` : picture.url;
  return html`<img class="step-picture" src=${address} alt=${name ?? t("step.picture")} />`;
}

/** What a tool made, to be kept. @param {{files: {name: string, bytes: number, address: string}[]}} props */
function Files({ files }) {
  if (!files.length) return null;
  return html`<ul class="files" aria-label=${t("step.files")}>
    ${files.map(({ name, bytes, address }) => html`<li key=${address}>
      <a class="file" href=${address} download=${name} title=${t("step.keepFile", { name })}>
        <${Icon} name="download" />
        <span class="file-text"><span class="file-name" dir="auto">${name}</span>
          <span class="file-state">${size(bytes)}</span></span></a></li>`)}
  </ul>`;
}

/** @param {{input: Record<string, any>}} props */
function Input({ input }) {
  const [only, ...more] = Object.entries(input);
  const alone = only && !more.length && typeof only[1] === "string";
  return html`<pre tabindex="0" dir="auto">${alone ? only[1] : JSON.stringify(input, null, 2)}</pre>`;
}

/** Asks the reader before something is changed. @param {{message: Message, use: ToolUse}} props */
function Leave({ message, use }) {
  const given = useSignal(false);
  const decide = (/** @type {"once" | "always" | "refuse"} */ decision) => {
    given.value = true;
    giveLeave(message.run_id ?? "", use.id, decision).catch((error) => {
      given.value = false;
      toast(explain(error));
    });
  };
  const name = titleOf(use);
  return html`<div class="leave" role="group" aria-label=${t("leave.title", { name })}>
    <p role="alert">${t("leave.title", { name })}</p>
    <${Input} input=${use.input} />
    <div class="leave-buttons">
      <button type="button" class="primary" disabled=${given.value}
        onClick=${() => decide("once")}>${t("leave.once")}</button>
      <button type="button" class="plain" disabled=${given.value}
        onClick=${() => decide("always")}>${t("leave.always")}</button>
      <button type="button" class="plain" disabled=${given.value}
        onClick=${() => decide("refuse")}>${t("leave.refuse")}</button>
    </div>
  </div>`;
}

/** @param {ToolUse} use */
function titleOf(use) {
  const known = use.title ?? tools.value.find((tool) => tool.name === use.name)?.title;
  return known?.[language.value] ?? use.name;
}

/**
 * @param {ToolUse} use
 * @param {boolean} waiting
 */
function label(use, waiting) {
  const key = `step.${use.name}.${waiting ? "doing" : "done"}`;
  if (!has(key)) return t(waiting ? "step.other.doing" : "step.other.done", { name: titleOf(use) });
  /** @type {Record<string, string>} */
  const values = {};
  for (const [name, value] of Object.entries(use.input)) values[name] = shortened(String(value));
  for (const name of ["expression", "query", "url", "title", "id", "fact", "name", "prompt"]) values[name] ??= "…";
  return t(key, values);
}

/** @param {string} value */
function shortened(value) {
  return value.length > 80 ? `${value.slice(0, 79)}…` : value;
}

/** @param {ToolResult} result */
function textOf(result) {
  return result.content.map((block) => (block.type === "text" ? block.text : "")).join("\n");
}
