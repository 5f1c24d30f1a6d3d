import { computed, signal } from "@preact/signals";

/**
 * The part of a picture that is marked to be drawn anew: cells of a grid that covers it.
 *
 * @typedef {{id: string, path: string, width: number, height: number, alt: string}} Marked
 */

/** Cells a side. */
export const CELLS = 64;

/** The picture that is being marked. */
export const marking = signal(/** @type {Marked | null} */ (null));
/** One number a cell, 1 where it is marked. */
export const cells = signal(new Uint8Array(CELLS * CELLS));
/** What is to be there. */
export const wanted = signal("");
/** The part that goes with the instruction that is being sent. */
const sent = signal(/** @type {{picture_id: string, cells: string} | null} */ (null));

/** How much of the picture is marked, in percent. */
export const share = computed(() => {
  const count = cells.value.reduce((sum, cell) => sum + cell, 0);
  return count && Math.max(1, Math.round((count / cells.value.length) * 100));
});

/** Begin to mark a picture, with nothing marked. @param {Marked} picture */
export function mark(picture) {
  if (marking.peek()?.id !== picture.id) wanted.value = "";
  clear();
  marking.value = picture;
}

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

/** The part that the instruction being sent is about, once. */
export function takePart() {
  const part = sent.peek();
  sent.value = null;
  return part ? { part } : {};
}

/** The cells as the server reads them: one bit each, in base 64 for URLs. */
function packed() {
  const bytes = new Uint8Array(cells.peek().length / 8);
  cells.peek().forEach((cell, at) => { bytes[at >> 3] |= cell << (7 - (at & 7)); });
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
