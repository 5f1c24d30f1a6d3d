import { signal } from "@preact/signals";

/** The conversation that the address names; `null` for a new one. */
export const openId = signal(read());

function read() {
  return location.pathname.match(/^\/c\/([^/]+)$/)?.[1] ?? null;
}

/**
 * Go to a conversation, or to a new one.
 * @param {string | null} id
 * @param {{replace?: boolean}} [options]
 */
export function go(id, { replace = false } = {}) {
  const path = id === null ? "/" : `/c/${id}`;
  if (path !== location.pathname) {
    history[replace ? "replaceState" : "pushState"](null, "", path);
  }
  openId.value = id;
}

addEventListener("popstate", () => {
  openId.value = read();
});

/**
 * Follow a click on a link to a conversation without leaving the page; other clicks (a new tab,
 * say) stay the browser's.
 * @param {MouseEvent} event
 * @param {string | null} id
 */
export function followLink(event, id) {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(id);
}
