import { signal } from "@preact/signals";

/** @typedef {{id: string, path: string, width: number, height: number, alt: string}} Marked */

/** The picture of which a part is being marked. */
export const marking = signal(/** @type {Marked | null} */ (null));
/** The part that goes with the instruction that is being sent. */
export const sent = signal(/** @type {{picture_id: string, cells: string} | null} */ (null));

/** The part that the instruction being sent is about, once. */
export function takePart() {
  const part = sent.peek();
  sent.value = null;
  return part ? { part } : {};
}
