import { computed, effect, signal } from "@preact/signals";

import { marking, sent } from "./marking.js";

/** The part of a picture that is marked to be drawn anew: cells of a grid that covers it. */

/** Cells a side. */
export const CELLS = 64;

/** One number a cell, 1 where it is marked. */
export const cells = signal(new Uint8Array(CELLS * CELLS));
/** What is to be there. */
export const wanted = signal("");

/** How much of the picture is marked, in percent. */
export const share = computed(() => {
  const count = cells.value.reduce((sum, cell) => sum + cell, 0);
  return count && Math.max(1, Math.round((count / cells.value.length) * 100));
});

let last = /** @type {import("./marking.js").Marked | null} */ (null);
// Each time it is opened nothing is marked; what could not be sent comes back as it was.
effect(() => {
  const picture = marking.value;
  if (!picture || picture === last) return;
  if (picture.id !== last?.id) wanted.value = "";
  last = picture;
  clear();
});

export function clear() {
  cells.value = new Uint8Array(CELLS * CELLS);
}

/**
 * Mark what is within a distance of a place.
 * @param {number} x in cells, as are the others
 * @param {number} y
 * @param {number} radius
 */
export function brush(x, y, radius) {
  fill((column, row) => (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2 <= radius ** 2);
}

/**
 * Mark a rectangle.
 * @param {{left: number, top: number, width: number, height: number}} box in percent of the picture
 */
export function rectangle({ left, top, width, height }) {
  const within = (/** @type {number} */ at, /** @type {number} */ from, /** @type {number} */ length) => {
    const middle = ((at + 0.5) / CELLS) * 100;
    return middle >= from && middle <= from + length;
  };
  fill((column, row) => within(column, left, width) && within(row, top, height));
}

/** @param {(column: number, row: number) => boolean} inside */
function fill(inside) {
  cells.value = cells.peek().map((cell, at) => (inside(at % CELLS, Math.floor(at / CELLS)) ? 1 : cell));
}

/** Let the marked part go with the next instruction. */
export function attachPart() {
  const picture = marking.peek();
  if (picture) sent.value = { picture_id: picture.id, cells: packed() };
}

/** The cells as the server reads them: one bit each, in base 64 for URLs. */
function packed() {
  const bytes = new Uint8Array(cells.peek().length / 8);
  cells.peek().forEach((cell, at) => { bytes[at >> 3] |= cell << (7 - (at & 7)); });
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
