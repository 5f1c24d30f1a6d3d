/**
 * Which part of a long list is drawn. Only what is near the view has elements; the heights of the
 * others are known from before or guessed, and stand as empty room above and below.
 */

/** Lists up to this long are drawn whole: the browser's own search finds all of them. */
export const SHORT = 60;
/** Drawn beyond the view, in pixels, on either side. */
const MARGIN = 1_200;
const GUESS = 180;

export class Heights {
  /** @type {Map<string, number>} */
  #known = new Map();
  #sum = 0;

  /** @param {string} id */
  of(id) {
    return this.#known.get(id) ?? (this.#known.size ? this.#sum / this.#known.size : GUESS);
  }

  /**
   * @param {string} id
   * @param {number} height
   */
  set(id, height) {
    this.#sum += height - (this.#known.get(id) ?? 0);
    this.#known.set(id, height);
  }

  /**
   * The room that items take.
   * @param {readonly string[]} ids
   * @param {number} from
   * @param {number} to
   */
  between(ids, from, to) {
    let sum = 0;
    for (let at = from; at < to; at += 1) sum += this.of(ids[at]);
    return sum;
  }

  /**
   * The first and one past the last of the items to draw.
   * @param {readonly string[]} ids
   * @param {number} top where the view begins, in pixels from the first item
   * @param {number} height of the view
   * @returns {[number, number]}
   */
  range(ids, top, height) {
    let from = 0;
    let y = 0;
    while (from < ids.length - 1 && y + this.of(ids[from]) < top - MARGIN) {
      y += this.of(ids[from]);
      from += 1;
    }
    let to = from;
    while (to < ids.length && y < top + height + MARGIN) {
      y += this.of(ids[to]);
      to += 1;
    }
    return [from, to];
  }
}
