import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";

const LONGEST = 1_600;
const MOST_LINES = 16;

/** The long questions that are shown whole: the list forgets what it does not draw. @type {Set<string>} */
const whole = new Set();

/**
 * What somebody asked; of a long text the beginning, until more is wanted.
 * @param {{id: string, text: string, title?: string, found?: boolean}} props `found`: a search led
 *   here, so that what was looked for may stand anywhere in it
 */
export function QuestionText({ id, text, title, found = false }) {
  const open = useSignal(whole.has(id));
  const start = beginning(text);
  const shown = open.value || found;
  const turn = () => {
    open.value = !open.value;
    if (open.value) whole.add(id);
    else whole.delete(id);
  };
  return html`<div class="question-text" dir="auto" title=${title}>${start === text || shown ? text : `${start}…`}</div>
    ${start !== text && !found && html`<button type="button" class="plain small" aria-expanded=${shown}
      onClick=${turn}>${t(shown ? "message.showLess" : "message.showAll")}</button>`}`;
}

/** The part of a text that is shown at first: all of it, if little more would come. @param {string} text */
function beginning(text) {
  let end = 0;
  for (let line = 0; line < MOST_LINES && end >= 0; line += 1) end = text.indexOf("\n", end + 1);
  const cut = Math.min(end < 0 ? text.length : end, LONGEST);
  if (text.length - cut < LONGEST / 4) return text;
  return text.slice(0, cut).trimEnd().replace(/[\uD800-\uDBFF]$/, "");
}
