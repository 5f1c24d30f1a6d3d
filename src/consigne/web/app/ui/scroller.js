import { signal } from "@preact/signals";

import { explain } from "../i18n.js";
import { earlier, later } from "../state/branch.js";
import { editing, loadBeside, sought, toLatest } from "../state/thread.js";
import { toast } from "../state/toasts.js";
import { Heights, SHORT } from "./window.js";

/** Nearer to the end than this, in pixels, the reader is taken to be at the end. */
const AT_END = 48;
/** Nearer to an end of what is held than this, more is read. */
const SOON = 2_400;
/** Where a message stands that was sought, below the upper edge. */
const SOUGHT_AT = 64;
/** Drawn at first where nothing is measured yet. */
const FIRST = 20;

/** Whether the reader has scrolled away from the end. */
export const away = signal(false);
/** Whether more is written below what is in view. */
export const below = signal(false);

/**
 * Keeps a conversation in its place: at the end while an answer is written there, and else where
 * the reader is, whatever is drawn, measured or read above.
 */
export class Scroller {
  /** Counts up whenever another part of the list is to be drawn. */
  redraw = signal(0);
  heights = new Heights();
  /** @type {readonly string[]} */
  #ids = [];
  #from = 0;
  #to = 0;
  /** @type {HTMLElement | null} */
  #view = null;
  /** @type {{id: string, offset: number} | null} what the reader looks at, and where it stands */
  #anchor = null;
  #top = 0;
  /** @type {object | null} */
  #found = null;

  /**
   * Take a list and return the part of it to draw: the first item, and one past the last.
   * @param {readonly string[]} ids
   * @returns {[number, number]}
   */
  part(ids) {
    const shift = this.#ids.length ? ids.indexOf(this.#ids[0]) : -1;
    const grown = ids.length - this.#ids.length;
    this.#ids = ids;
    if (ids.length <= SHORT) {
      [this.#from, this.#to] = [0, ids.length];
    } else if (sought.peek() && sought.peek() !== this.#found) {
      this.#around(ids.indexOf(sought.peek()?.id ?? ""));
    } else if (shift < 0) {
      this.#around(ids.length);
    } else {
      const atEnd = this.#to + shift >= ids.length - Math.max(0, grown - shift);
      this.#from = Math.min(this.#from + shift, ids.length - 1);
      this.#to = atEnd ? ids.length : Math.min(this.#to + shift, ids.length);
    }
    return [this.#from, this.#to];
  }

  /** @param {number} at */
  #around(at) {
    const middle = at < 0 ? this.#ids.length : at;
    this.#from = Math.max(0, middle - FIRST);
    this.#to = Math.min(this.#ids.length, middle + FIRST);
  }

  /**
   * Look after this view; returns what ends that.
   * @param {HTMLElement} view
   */
  attach(view) {
    this.#view = view;
    const sizes = new ResizeObserver(() => this.settle());
    sizes.observe(view);
    sizes.observe(/** @type {Element} */ (view.firstElementChild));
    const onScroll = () => this.#scrolled(view);
    view.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      this.#view = null;
      sizes.disconnect();
      view.removeEventListener("scroll", onScroll);
    };
  }

  /** Put the view right after anything was drawn or changed its height. */
  settle() {
    const view = this.#view;
    if (!view) return;
    this.#measure(view);
    if (sought.peek() !== this.#found) this.#find();
    if (this.#anchor && (away.peek() || later.peek())) this.#return(view, this.#anchor);
    else view.scrollTop = view.scrollHeight;
    this.#top = view.scrollTop;
    below.value = left(view) >= AT_END;
    this.#draw(view);
    this.#read(view);
  }

  /** Go to the end of the conversation. */
  async end() {
    if (later.peek()) await toLatest();
    away.value = false;
    this.#anchor = null;
    this.settle();
  }

  #find() {
    this.#found = sought.peek();
    const id = sought.peek()?.id ?? "";
    if (!this.#ids.includes(id)) return;
    away.value = true;
    this.#anchor = { id, offset: SOUGHT_AT };
  }

  /**
   * @param {HTMLElement} view
   * @param {{id: string, offset: number}} anchor
   */
  #return(view, anchor) {
    const element = view.querySelector(`[data-id="${CSS.escape(anchor.id)}"]`);
    if (!element) {
      const at = this.#ids.indexOf(anchor.id);
      if (at >= 0) view.scrollTop = this.heights.between(this.#ids, 0, at) - anchor.offset;
      return;
    }
    const offset = element.getBoundingClientRect().top - view.getBoundingClientRect().top;
    if (Math.abs(offset - anchor.offset) > 0.5) view.scrollTop += offset - anchor.offset;
  }

  /** @param {HTMLElement} view */
  #scrolled(view) {
    below.value = left(view) >= AT_END;
    if (!below.peek()) away.value = later.peek();
    else if (view.scrollTop < this.#top || later.peek()) away.value = true;
    this.#top = view.scrollTop;
    this.#look(view);
    this.#draw(view);
    this.#read(view);
  }

  /** Remember what stands at the upper edge of the view. @param {HTMLElement} view */
  #look(view) {
    const edge = view.getBoundingClientRect().top;
    for (const element of turns(view)) {
      const box = element.getBoundingClientRect();
      if (box.bottom <= edge) continue;
      this.#anchor = { id: element.dataset.id ?? "", offset: box.top - edge };
      return;
    }
  }

  /** @param {HTMLElement} view */
  #measure(view) {
    for (const element of turns(view)) this.heights.set(element.dataset.id ?? "", element.offsetHeight);
  }

  /** @param {HTMLElement} view */
  #draw(view) {
    if (this.#ids.length <= SHORT) return;
    const whole = this.heights.between(this.#ids, 0, this.#ids.length);
    const height = view.clientHeight;
    const top = away.peek() || later.peek() ? view.scrollTop : whole - height;
    let [from, to] = this.heights.range(this.#ids, top, height);
    // What is being rewritten keeps its element, and so its text.
    if (editing.peek()) [from, to] = [Math.min(from, this.#from), Math.max(to, this.#to)];
    if (from === this.#from && to === this.#to) return;
    [this.#from, this.#to] = [from, to];
    this.redraw.value += 1;
  }

  /** @param {HTMLElement} view */
  #read(view) {
    if (view.scrollTop < SOON && earlier.peek()) this.#extend("before");
    else if (left(view) < SOON && later.peek()) this.#extend("after");
  }

  /** @param {"before" | "after"} side */
  #extend(side) {
    loadBeside(side).catch((error) => toast(explain(error)));
  }
}

/** How far the view can be scrolled down yet, in pixels. @param {HTMLElement} view */
function left(view) {
  return view.scrollHeight - view.clientHeight - view.scrollTop;
}

/**
 * @param {HTMLElement} view
 * @returns {NodeListOf<HTMLElement>}
 */
function turns(view) {
  return view.querySelectorAll(":scope .turns > [data-id]");
}
