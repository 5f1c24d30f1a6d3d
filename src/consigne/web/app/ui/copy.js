import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { plain } from "../markdown/plain.js";
import { copyText } from "../platform.js";
import { asMarkdown, asPlain } from "../text_marks.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

const COPIED_MS = 2_000;

/**
 * Copies a message as it was written.
 * @param {{text: string, marked?: boolean, model?: string | null}} props `marked` text is markdown:
 *   it can be copied without its marks too; what a `model` wrote says so where the operator wants it
 */
export function CopyButton({ text, marked = false, model }) {
  const copied = useSignal(false);
  const copy = async (/** @type {string} */ what) => {
    if (!(await copyText(what))) return;
    copied.value = true;
    setTimeout(() => { copied.value = false; }, COPIED_MS);
  };
  const label = t(copied.value ? "message.copied" : "message.copy");
  return html`<button type="button" class="quiet square action" aria-label=${label} title=${label}
      onClick=${() => copy(asMarkdown(text, model))}><${Icon}
        name=${copied.value ? "check" : "copy"} /></button>
    ${marked && html`<${Menu} label=${t("message.copyAs")} side="up"
      button=${html`<${Icon} name="down" />`} buttonClass="quiet square action narrow-square">
      <${MenuItem} onSelect=${() => copy(asMarkdown(text, model))}>${t("message.copyMarkdown")}<//>
      <${MenuItem} onSelect=${() => copy(asPlain(plain(text), model))}>${t("message.copyPlain")}<//>
    <//>`}`;
}
