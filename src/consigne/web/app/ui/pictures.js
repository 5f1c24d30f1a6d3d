import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { locale, t } from "../i18n.js";
import { head } from "../state/branch.js";
import { beginChange, deletePicture, gone, readPicture } from "../state/pictures.js";
import { edits } from "../state/models.js";
import { marking } from "../state/marking.js";
import { running } from "../state/thread.js";
import { drawing } from "../state/tools.js";
import { sendFrom } from "./sending.js";
import { Icon } from "./icons.js";

/**
 * @typedef {import("../types.js").Message} Message
 * @typedef {import("../state/pictures.js").Picture} Picture
 */

/**
 * How far a step has come; a picture grows in the room that it will have.
 * @param {{use: import("../types.js").ToolUse}} props
 */
export function Progress({ use }) {
  const { done = 0, total = 1, growing } = use;
  const { width, height, url } = growing ?? {};
  return html`${growing && html`<figure class="picture">
      ${url ? html`<img src=${url} width=${width} height=${height} alt="" />`
        : html`<canvas class="picture-room" width=${width} height=${height} aria-hidden="true"></canvas>`}
    </figure>`}
    <progress class="picture-progress" max=${total} value=${done}
      aria-label=${t("picture.progress", { done, total })}></progress>`;
}

/**
 * A picture that an answer made; its room is kept before it comes.
 * @param {{address: string, message: Message}} props
 */
export function MadePicture({ address, message }) {
  const missing = useSignal(false);
  const [path, size = ""] = address.split("#");
  const id = path.split("/")[3];
  const [width, height] = size.split("x").map(Number);
  if (missing.value || gone.value.has(id)) return html`<p class="muted">${t("picture.gone")}</p>`;
  const alt = promptOf(message, address);
  return html`<figure class="picture">
    <img src=${path} width=${width || undefined} height=${height || undefined} alt=${alt}
      onError=${() => { missing.value = true; }} />
    <${PictureActs} id=${id} />
    ${head.value === message.id && running.value === undefined && html`<div class="picture-acts">
      <button type="button" class="plain" onClick=${vary}>${t("picture.vary")}</button>
      <button type="button" class="plain" onClick=${beginChange}>${t("picture.change")}</button>
      ${edits.value && html`<button type="button" class="plain"
        onClick=${() => { marking.value = { id, path, width, height, alt }; }}>${t("part.open")}</button>`}
    </div>`}
  </figure>`;
}

/** What is known of a picture, its files, its end. @param {{id: string, known?: Picture}} props */
export function PictureActs({ id, known }) {
  const picture = useSignal(known ?? null);
  const asked = useSignal(false);
  const open = async () => {
    picture.value ??= await readPicture(id);
  };
  const facts = picture.value;
  return html`<div class="picture-acts">
    ${["PNG", "WebP"].map((form) => {
      const label = t("picture.download", { form });
      return html`<a key=${form} class="quiet picture-file" download title=${label} aria-label=${label}
        href=${`/api/pictures/${id}/file?download=true&form=${form.toLowerCase()}`}>
        <${Icon} name="download" />${form}</a>`;
    })}
    ${asked.value
      ? html`<button type="button" class="plain" onBlur=${() => { asked.value = false; }}
          onClick=${() => deletePicture(id)}>${t("picture.really")}</button>`
      : html`<button type="button" class="quiet square" title=${t("picture.delete")}
          aria-label=${t("picture.delete")} onClick=${() => { asked.value = true; }}>
          <${Icon} name="trash" /></button>`}
    <details class="picture-facts" onToggle=${open}><summary>${t("picture.details")}</summary>
      ${facts && html`<dl>
        <dt>${t("picture.prompt")}</dt><dd dir="auto">${facts.prompt}</dd>
        ${facts.negative_prompt && html`<dt>${t("picture.without")}</dt>
          <dd dir="auto">${facts.negative_prompt}</dd>`}
        <dt>${t("picture.model")}</dt><dd>${facts.model}</dd>
        <dt>${t("picture.seed")}</dt><dd>${facts.seed ?? "–"}</dd>
        ${facts.steps > 0 && html`<dt>${t("picture.steps")}</dt><dd>${facts.steps}</dd>
          <dt>${t("picture.guidance")}</dt><dd>${facts.guidance.toLocaleString(locale.value)}</dd>`}
        <dt>${t("picture.size")}</dt><dd>${facts.width} × ${facts.height}</dd></dl>`}
    </details>
  </div>`;
}

/** Have another picture made that is like the last. */
function vary() {
  drawing.value = true;
  const nothing = () => {};
  sendFrom(t("picture.varyText"), head.peek(), nothing, nothing);
}

/**
 * The instruction whose call made a picture.
 * @param {Message} message
 * @param {string} address
 */
function promptOf(message, address) {
  const result = message.content.find((block) => block.type === "tool_result"
    && block.content.some((each) => each.type === "image" && each.url === address));
  const use = message.content.find((block) => block.type === "tool_use"
    && result?.type === "tool_result" && block.id === result.tool_use_id);
  return use?.type === "tool_use" ? String(use.input.prompt ?? "") : "";
}
