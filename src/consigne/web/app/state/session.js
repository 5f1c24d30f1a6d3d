import { signal } from "@preact/signals";

import { ApiError, request, whenSignedOut } from "../api.js";
import { setTemporary } from "./temporary.js";

/** @typedef {import("../types.js").Session} Session */

/** Who is signed in; `null` for nobody, `undefined` until known. */
export const session = signal(/** @type {Session | null | undefined} */ (undefined));

/** Why the last attempt to sign in, or to reach the server at all, came to nothing. */
export const signInError = signal(/** @type {ApiError | null} */ (null));

/** Whether the server could not be reached as the page opened. */
export const unreachable = signal(false);

whenSignedOut(() => {
  session.value = null;
});

/** Find out who this is: by the one-time link in the address, else by the cookie. */
export async function begin() {
  const token = takeToken();
  await (token ? signIn(token) : attempt("GET"));
  addEventListener("hashchange", () => {
    const pasted = takeToken();
    if (pasted) signIn(pasted);
  });
}

/**
 * Sign in with a one-time token, or with the whole link that holds it.
 * @param {string} linkOrToken
 */
export function signIn(linkOrToken) {
  const token = linkOrToken.trim().replace(/^.*#token=/, "");
  return attempt("POST", { token });
}

/** Try again to reach the server. */
export function retry() {
  return attempt("GET");
}

export async function signOut() {
  await request("DELETE", "/api/session").catch(() => {});
  setTemporary(false); // whoever signs in next does not see it
  session.value = null;
}

/**
 * @param {string} method
 * @param {{token: string}} [body]
 */
async function attempt(method, body) {
  signInError.value = null;
  try {
    session.value = await request(method, "/api/session", body);
    unreachable.value = false;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    unreachable.value = error.status === 0 && !body;
    if (unreachable.value) return;
    const unknown = error.status === 401;
    if (!unknown || body) signInError.value = error;
    if (unknown && body && (await known())) return;
    session.value = null;
  }
}

/** A used link does not sign out whoever is signed in already. */
async function known() {
  try {
    session.value = await request("GET", "/api/session");
    signInError.value = null;
    return true;
  } catch {
    return false;
  }
}

/** Read the token from the address and remove it there, so that it is in no history. */
function takeToken() {
  const token = location.hash.match(/^#token=(.+)$/)?.[1];
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}
