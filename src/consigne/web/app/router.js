import { batch, signal } from "@preact/signals";

/** The conversation that the address names; `null` for a new one. */
export const openId = signal(read());

/** The message at which the conversation is opened; `null` for its end. */
export const openAt = signal(readAt());

function readAt() {
  return location.hash.match(/^#(msg_\w+)$/)?.[1] ?? null;
}

function read() {
  return location.pathname.match(/^\/c\/([^/]+)$/)?.[1] ?? null;
}

/**
 * Go to a conversation, or to a new one.
 * @param {string | null} id
 * @param {{replace?: boolean, at?: string | null}} [options] `at` is a message in it
 */
export function go(id, { replace = false, at = null } = {}) {
  const path = (id === null ? "/" : `/c/${id}`) + (at ? `#${at}` : "");
  if (path !== location.pathname + location.hash) {
    history[replace ? "replaceState" : "pushState"](null, "", path);
  }
  batch(() => {
    openId.value = id;
    openAt.value = at;
  });
}

addEventListener("popstate", () => {
  batch(() => {
    openId.value = read();
    openAt.value = readAt();
  });
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
