import { signal } from "@preact/signals";

import { storage } from "../storage.js";

/** @typedef {"auto" | "light" | "dark"} Theme */
/** @typedef {"sans" | "serif"} Typeface */

const root = document.documentElement;

export const theme = signal(/** @type {Theme} */ (root.dataset.theme ?? "auto"));
export const typeface = signal(/** @type {Typeface} */ (root.dataset.typeface ?? "sans"));

/** Which of the things that cover the page is open. */
export const overlay = signal(/** @type {"" | "palette" | "models" | "search" | "archive" | "keys" | "library" | "servers" | "pictures" | "shares" | "usage"} */ (""));

/** Whether the sidebar is open where it is a drawer. */
export const drawer = signal(false);

/** @param {Theme} chosen */
export function chooseTheme(chosen) {
  theme.value = chosen;
  storage.set("theme", chosen === "auto" ? null : chosen);
  if (chosen === "auto") delete root.dataset.theme;
  else root.dataset.theme = chosen;
}

/** @param {Typeface} chosen */
export function chooseTypeface(chosen) {
  typeface.value = chosen;
  storage.set("typeface", chosen === "sans" ? null : chosen);
  if (chosen === "sans") delete root.dataset.typeface;
  else root.dataset.typeface = chosen;
}
