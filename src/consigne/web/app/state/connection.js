import { effect, signal } from "@preact/signals";

import { retry, unreachable } from "./session.js";

/** Whether there is a network, and whether a newer version of the page is there. */

const RETRY_MS = 5_000;
const LOOK_MS = 30 * 60_000;
const WORKER = "/service-worker.js";

/** Whether the browser knows of no network. */
export const offline = signal(!navigator.onLine);
/** Whether another release than this page's is served by now. */
export const outdated = signal(false);

/** Which release this page is of, as its own address says. */
const release = new URL(import.meta.url).pathname.split("/")[2];

export function watchConnection() {
  addEventListener("online", () => {
    offline.value = false;
    if (unreachable.peek()) retry();
  });
  addEventListener("offline", () => { offline.value = true; });
  effect(() => {
    if (!unreachable.value) return undefined;
    const timer = setInterval(retry, RETRY_MS);
    return () => clearInterval(timer);
  });
}

/** Let the page open without a network the next time, and learn of newer versions. */
export async function keepForOffline() {
  const workers = navigator.serviceWorker;
  if (!workers) return; // the page came over plain HTTP from another machine
  workers.addEventListener("message", ({ data }) => {
    if (data?.release) outdated.value = data.release !== release;
  });
  const registration = await workers.register(trusted(WORKER)).catch(() => null);
  if (!registration) return;
  let looked = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || Date.now() - looked < LOOK_MS) return;
    looked = Date.now();
    registration.update().catch(() => {});
  });
}

/**
 * The one script that this page may start as a worker.
 * @param {string} path
 * @returns {string}
 */
function trusted(path) {
  const types = /** @type {any} */ (globalThis).trustedTypes;
  if (!types) return path;
  const policy = types.createPolicy("consigne-worker", {
    createScriptURL: (/** @type {string} */ url) => {
      if (url !== WORKER) throw new TypeError(url);
      return url;
    },
  });
  return policy.createScriptURL(path);
}
