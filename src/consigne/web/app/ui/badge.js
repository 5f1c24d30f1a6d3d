import { html } from "../html.js";

/**
 * An assistant's letter in its colour.
 * @param {{item: {letter: string, colour: string}}} props
 */
export function Badge({ item }) {
  return html`<span class="badge ${item.colour}" aria-hidden="true">${item.letter}</span>`;
}
