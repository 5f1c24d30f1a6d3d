import { signal } from "@preact/signals";

import { ApiError, request, whenSignedOut } from "../api.js";
import { explain } from "../i18n.js";
import { storage } from "../storage.js";
import { setTemporary } from "./temporary.js";
import { toast } from "./toasts.js";

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

/** What this browser remembers of one person: whoever signs in next does not see it. */
const PERSONAL = ["draft.", "files.", "folders", "import", "model", "person", "speech."];

export async function signOut() {
  try {
    await request("DELETE", "/api/session");
  } catch (error) {
    const gone = error instanceof ApiError && error.status === 401;
    if (!gone) return toast(explain(/** @type {Error} */ (error))); // still signed in
  }
  setTemporary(false);
  storage.forget(PERSONAL);
  location.replace("/"); // what the page holds goes, too
}

/** Who was signed in last in this browser. */
let person = storage.get("person");
addEventListener("storage", ({ key, newValue }) => {
  // Another tab signed out, or somebody else in: this one shows and does nothing of theirs.
  if (key === "consigne.person" && session.peek() && newValue !== person) location.reload();
});

/**
 * Let somebody in; of another person before them nothing is left, here and in this browser.
 * @param {Session} found
 */
function letIn(found) {
  const { id } = found.user;
  const another = person !== null && person !== id;
  if (another) storage.forget(PERSONAL);
  person = id;
  storage.set("person", id);
  if (!another) session.value = found;
  else if (session.peek() === undefined) location.reload(); // nothing of theirs is on the page
  else location.replace("/");
}

/**
 * @param {string} method
 * @param {{token: string}} [body]
 */
async function attempt(method, body) {
  signInError.value = null;
  try {
    letIn(await request(method, "/api/session", body));
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
    letIn(await request("GET", "/api/session"));
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
