import { effect, signal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { messages } from "../state/branch.js";
import { running } from "../state/thread.js";
import { textOf } from "../text.js";

/** Reads an answer out, in whole sentences as they come, to those who hear the page. */

const LEAST_LETTERS = 160;
const said = signal("");

/** @type {{id: string, heard: number} | null} */
let following = null;

export function Announcer() {
  return html`<div class="unseen" aria-live="polite">${said.value}</div>`;
}

export function watchAnswers() {
  effect(() => {
    const answer = running.value;
    if (following && following.id !== answer?.id) end(following);
    if (!answer) return;
    if (following?.id !== answer.id) {
      following = { id: answer.id, heard: textOf(answer).length };
      say(t("message.writing"));
    }
    hear(following, textOf(answer));
  });
}

/**
 * @param {NonNullable<typeof following>} progress
 * @param {string} text
 */
function hear(progress, text) {
  const fresh = text.slice(progress.heard);
  if (fresh.length < LEAST_LETTERS) return;
  const end = Math.max(fresh.lastIndexOf(". "), fresh.lastIndexOf("\n"));
  if (end < 0) return;
  progress.heard += end + 1;
  say(fresh.slice(0, end + 1));
}

/** @param {NonNullable<typeof following>} progress */
function end(progress) {
  const message = messages.peek().get(progress.id);
  following = null;
  const rest = message ? textOf(message).slice(progress.heard) : "";
  say(`${rest} ${t("message.written")}`);
}

/** @param {string} words markdown; its marks are not read out */
function say(words) {
  queueMicrotask(() => {
    said.value = words.replace(/[*_`#|>]+/g, " ").trim();
  });
}
