import { signal } from "@preact/signals";

/**
 * @typedef {object} Toast
 * @property {number} id
 * @property {string} text
 * @property {{label: string, run: () => void}} [action]
 */

const LASTS_MS = 10_000;
let count = 0;

export const toasts = signal(/** @type {Toast[]} */ ([]));

/**
 * Say something that passes by itself after ten seconds.
 * @param {string} text
 * @param {Toast["action"]} [action]
 */
export function toast(text, action) {
  const id = ++count;
  toasts.value = [...toasts.value.slice(-2), { id, text, action }];
  setTimeout(() => dismiss(id), LASTS_MS);
}

/** @param {number} id */
export function dismiss(id) {
  toasts.value = toasts.value.filter((shown) => shown.id !== id);
}
