import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";

/** Between a menu, its button and the window's edges, in pixels. */
const GAP = 8;

/**
 * A button that opens a menu of commands or choices.
 *
 * @param {{label: string, button: any, worded?: boolean, buttonClass?: string, side?: string,
 *   onOpen?: () => void, children: any}} props `worded` where the button's own words name it;
 *   `side` is where the menu stands ("up", "end")
 */
export function Menu({ label, button, worded = false, buttonClass = "", side = "", onOpen, children }) {
  const open = useSignal(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = open.value;

  const close = (/** @type {boolean} */ refocus) => {
    open.value = false;
    if (refocus) box.current?.querySelector("button")?.focus();
  };

  useLayoutEffect(() => {
    const panel = /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector("[popover]"));
    const beside = box.current?.querySelector("button");
    if (!shown || !panel || !beside) return undefined;
    panel.showPopover(); // above all else, whatever it stands in cuts off
    const stand = (/** @type {Event} */ event) => {
      if (event?.target !== panel) place(panel, beside, side);
    };
    const sized = new ResizeObserver(() => place(panel, beside, side));
    sized.observe(panel);
    addEventListener("resize", stand);
    addEventListener("scroll", stand, { capture: true, passive: true });
    return () => {
      sized.disconnect();
      removeEventListener("resize", stand);
      removeEventListener("scroll", stand, { capture: true });
    };
  }, [shown]);

  useEffect(() => {
    if (!shown) return undefined;
    items(box.current)[0]?.focus();
    const outside = (/** @type {Event} */ event) => {
      if (!box.current?.contains(/** @type {Node} */ (event.target))) close(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [shown]);

  const toggle = () => {
    if (!open.value) onOpen?.();
    open.value = !open.value;
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (!shown) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close(true);
    } else if (move(items(box.current), event.key)) {
      event.preventDefault();
    }
  };
  const onClick = (/** @type {MouseEvent} */ event) => {
    const chosen = /** @type {Element} */ (event.target).closest('[role^="menuitem"]');
    if (!chosen || chosen.hasAttribute("data-stay")) return;
    // What was chosen may have taken the cursor already: a field for a new name.
    const here = document.activeElement;
    close(here === document.body || Boolean(box.current?.contains(here)));
  };

  return html`<div class="menu" ref=${box} onKeyDown=${onKeyDown}>
    <button type="button" class=${buttonClass} aria-haspopup="menu" aria-expanded=${shown}
      aria-label=${worded ? undefined : label} onClick=${toggle}>${button}</button>
    ${shown && html`<div popover="manual" class="menu-panel" role="menu" aria-label=${label}
      onClick=${onClick}>${children}</div>`}
  </div>`;
}

/**
 * @param {{onSelect: () => void, checked?: boolean, many?: boolean, stay?: boolean,
 *   children: any}} props `checked` makes it one of several choices, of which several may be
 *   checked where there are `many`; `stay` leaves the menu open
 */
export function MenuItem({ onSelect, checked, many = false, stay = false, children }) {
  const choice = many ? "menuitemcheckbox" : "menuitemradio";
  const role = checked === undefined ? "menuitem" : choice;
  return html`<button type="button" class="menu-item" role=${role} tabindex="-1"
    aria-checked=${checked} data-stay=${stay || undefined} onClick=${onSelect}>${children}</button>`;
}

/**
 * Put a menu beside its button, on the side that is wished for if there is room, within the window.
 * @param {HTMLElement} panel
 * @param {Element} button
 * @param {string} side
 */
function place(panel, button, side) {
  const at = button.getBoundingClientRect();
  const { clientWidth: width, clientHeight: height } = document.documentElement;
  const above = at.top - 2 * GAP, below = height - at.bottom - 2 * GAP;
  const [wished, other] = side === "up" ? [above, below] : [below, above];
  const up = (side === "up") === (wished >= Math.min(panel.scrollHeight, other));
  panel.style.setProperty("--room", `${up ? above : below}px`);
  panel.style.setProperty("--beside", `${at.width}px`);
  const left = side === "end" ? at.right - panel.offsetWidth : at.left;
  panel.style.left = `${Math.max(GAP, Math.min(left, width - panel.offsetWidth - GAP))}px`;
  panel.style.top = up ? "auto" : `${at.bottom + GAP / 2}px`;
  panel.style.bottom = up ? `${height - at.top + GAP / 2}px` : "auto";
}

/**
 * @param {HTMLElement | null} box
 * @returns {HTMLElement[]}
 */
function items(box) {
  return [.../** @type {NodeListOf<HTMLElement>} */ (box?.querySelectorAll('[role^="menuitem"]') ?? [])];
}

/**
 * @param {HTMLElement[]} list
 * @param {string} key
 */
function move(list, key) {
  const at = list.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[key];
  if (to === undefined || !list.length) return false;
  list.at(to % list.length)?.focus();
  return true;
}
