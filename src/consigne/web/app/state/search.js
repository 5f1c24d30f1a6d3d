import { signal } from "@preact/signals";

import { drawer, overlay } from "./look.js";

/** What was looked for last: the search opens with it. */
export const lookedFor = signal("");

/**
 * Open the search, with words if any are given.
 * @param {string} [words]
 */
export function openSearch(words) {
  if (words !== undefined) lookedFor.value = words;
  drawer.value = false;
  overlay.value = "search";
}
