import { batch, signal } from "@preact/signals";

/** The conversation that the address names; `null` for a new one. */
export const openId = signal(read());

/** The message at which the conversation is opened; `null` for its end. */
export const openAt = signal(readAt());

/** The project whose page the address names; `null` for none. */
export const openProject = signal(readProject());

function readProject() {
  return location.pathname.match(/^\/p\/([^/]+)$/)?.[1] ?? null;
}

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
    openProject.value = null;
    openId.value = id;
    openAt.value = at;
  });
}

/** Go to a project's page; without one, to a new conversation. @param {string | null} id */
export function goProject(id) {
  if (id === null) return go(null);
  if (location.pathname !== `/p/${id}`) history.pushState(null, "", `/p/${id}`);
  batch(() => {
    openProject.value = id;
    openId.value = null;
    openAt.value = null;
  });
}

addEventListener("popstate", () => {
  batch(() => {
    openProject.value = readProject();
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
  if (ours(event)) go(id);
}

/**
 * Whether a click on a link is this page's to follow; then the browser does not.
 * @param {MouseEvent} event
 */
export function ours(event) {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return false;
  event.preventDefault();
  return true;
}
