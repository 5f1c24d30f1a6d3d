import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { plain } from "../markdown/plain.js";
import { copyText } from "../platform.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

const COPIED_MS = 2_000;

/**
 * Copies a message as it was written.
 * @param {{text: string, marked?: boolean}} props `marked` text is markdown: it can be copied
 *   without its marks too
 */
export function CopyButton({ text, marked = false }) {
  const copied = useSignal(false);
  const copy = async (/** @type {string} */ what) => {
    if (!(await copyText(what))) return;
    copied.value = true;
    setTimeout(() => { copied.value = false; }, COPIED_MS);
  };
  const label = t(copied.value ? "message.copied" : "message.copy");
  return html`<button type="button" class="quiet square action" aria-label=${label} title=${label}
      onClick=${() => copy(text)}><${Icon} name=${copied.value ? "check" : "copy"} /></button>
    ${marked && html`<${Menu} label=${t("message.copyAs")} side="up"
      button=${html`<${Icon} name="down" />`} buttonClass="quiet square action narrow-square">
      <${MenuItem} onSelect=${() => copy(text)}>${t("message.copyMarkdown")}<//>
      <${MenuItem} onSelect=${() => copy(plain(text))}>${t("message.copyPlain")}<//>
    <//>`}`;
}
