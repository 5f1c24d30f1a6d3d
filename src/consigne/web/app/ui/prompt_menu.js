import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { openId } from "../router.js";
import { draft, keepDraft } from "../state/drafts.js";
import { prompts } from "../state/library.js";

/** @typedef {import("../state/library.js").Prompt} Prompt */

const MOST_SHOWN = 8;

/** The prompt whose places are being filled in. */
export const filling = signal(/** @type {Prompt | null} */ (null));
/** Which of the offered prompts is chosen, and the text for which they were sent away. */
const chosen = signal(0);
const dismissed = signal("");

/** Put a prompt into the composer, once its places are filled. @param {Prompt} prompt */
export function takePrompt(prompt) {
  if (prompt.places.length) filling.value = prompt;
  else write(prompt.text);
}

/** Put a text into the composer. @param {string} text */
export function write(text) {
  const before = draft(openId.peek());
  keepDraft(openId.peek(), before.startsWith("/") ? text : [before.trim(), text].filter(Boolean).join("\n\n"));
  document.getElementById("composer")?.focus();
}

/**
 * The prompts that a draft asks for: it begins with "/" and goes on with some of a name.
 * @param {string} text
 * @returns {Prompt[]}
 */
export function offered(text) {
  const match = text.match(/^\/([^\n/]*)$/);
  if (!match || dismissed.value === text) return [];
  const words = match[1].trim().toLocaleLowerCase();
  return (prompts.items.value ?? [])
    .filter((prompt) => prompt.name.toLocaleLowerCase().includes(words)).slice(0, MOST_SHOWN);
}

/**
 * Let the keys move in the offered prompts; whether the key was taken.
 * @param {KeyboardEvent} event
 * @param {string} text
 */
export function promptKey(event, text) {
  const found = offered(text);
  if (!found.length || event.isComposing) return false;
  const at = Math.min(chosen.value, found.length - 1);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) chosen.value = (at + step + found.length) % found.length;
  else if (event.key === "Enter" || event.key === "Tab") takePrompt(found[at]);
  else if (event.key === "Escape") dismissed.value = text;
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
}

/** The prompts offered above the composer. @param {{text: string}} props */
export function PromptMenu({ text }) {
  const found = offered(text);
  useEffect(() => {
    chosen.value = 0;
  }, [text]);
  if (!found.length) return null;
  const at = Math.min(chosen.value, found.length - 1);
  return html`<div class="prompt-menu" id="prompt-menu" role="listbox" aria-label=${t("prompt.offered")}>
    ${found.map((prompt, index) => html`<div key=${prompt.id} id=${`prompt-${index}`} role="option"
      aria-selected=${index === at} onPointerMove=${() => { chosen.value = index; }}
      onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()}
      onClick=${() => takePrompt(prompt)}><strong dir="auto">${prompt.name}</strong>
      <span class="muted small clipped" dir="auto">${prompt.text}</span></div>`)}
  </div>`;
}

/** What the composer tells of the offered prompts. @param {string} text */
export function promptHints(text) {
  const count = offered(text).length;
  return count ? { "aria-controls": "prompt-menu",
    "aria-activedescendant": `prompt-${Math.min(chosen.value, count - 1)}` } : {};
}
