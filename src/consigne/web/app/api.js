/** An answer of the server that says no, in its own words. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 when the server could not be reached
   * @param {string} code
   * @param {string} message
   * @param {number} [wait] seconds after which it may be asked again; less than a minute is told as a moment
   */
  constructor(status, code, message, wait = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.again = wait >= 60 ? new Date(Date.now() + wait * 1000) : null;
  }
}

/** @type {() => void} */
let signedOut = () => {};

/**
 * Call `listener` whenever the server no longer knows who this is.
 * @param {() => void} listener
 */
export function whenSignedOut(listener) {
  signedOut = listener;
}

/**
 * Ask the server and return its JSON (`undefined` where it sends none).
 *
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function request(method, path, body) {
  /** @type {RequestInit} */
  const options = { method, headers: { accept: "application/json" } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { accept: "application/json", "content-type": "application/json" };
  }
  let response;
  try {
    response = await (asked(method, path) ?? fetch(path, options));
  } catch {
    throw new ApiError(0, "unreachable", "The server can’t be reached.");
  }
  if (!response.ok) throw await refusal(response, path);
  return response.status === 204 || response.status === 202 ? readMaybe(response) : response.json();
}

/**
 * The answer to what `first.js` asked for before there were any modules; it is taken once.
 *
 * @param {string} method
 * @param {string} path
 * @returns {Promise<Response> | undefined}
 */
function asked(method, path) {
  const page = /** @type {{asked?: {path: string, answer: Promise<Response>}}} */ (globalThis);
  if (method !== "GET" || page.asked?.path !== path) return undefined;
  const { answer } = page.asked;
  delete page.asked;
  return answer;
}

/**
 * Turn an answer that is not 2xx into its error.
 * @param {Response} response
 * @param {string} path
 */
export async function refusal(response, path) {
  if (response.status === 401 && path !== "/api/session") signedOut();
  const body = await response.json().catch(() => ({}));
  const { code = "internal_error", message = response.statusText } = body.error ?? {};
  return new ApiError(response.status, code, message, Number(response.headers.get("retry-after")) || 0);
}

/** @param {Response} response */
async function readMaybe(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : undefined;
}
