import { ApiError, refusal } from "./api.js";

/** The server sends at least a heartbeat every 15 s; silence beyond this is a dead connection. */
const SILENCE_MS = 40_000;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 8_000;

/** @typedef {{id: string, event: string, data: any}} ServerEvent */

/**
 * Read a numbered stream of server-sent events to its end, across lost connections: each new
 * connection asks for what comes after the last event seen.
 *
 * @param {string} path
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {(event: ServerEvent) => boolean} options.receive returns true on the last event
 * @param {(lost: boolean) => void} [options.lost] told when the connection is lost and regained
 * @throws {ApiError} the server refuses the stream for good (4xx), or it is over (204)
 */
export async function follow(path, { signal, receive, lost = () => {} }) {
  let last = "";
  let failures = 0;
  while (!signal.aborted) {
    const link = new AbortController();
    const end = () => link.abort();
    signal.addEventListener("abort", end);
    try {
      const response = await connect(path, last, link.signal);
      lost(false);
      for await (const event of events(response, end)) {
        failures = 0;
        if (event.id) last = event.id;
        if (receive(event)) return;
      }
    } catch (error) {
      if (error instanceof ApiError) throw error;
    } finally {
      signal.removeEventListener("abort", end);
      link.abort();
    }
    if (signal.aborted) return;
    failures += 1;
    if (failures > 1) lost(true);
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS), signal);
  }
}

/**
 * @param {string} path
 * @param {string} last
 * @param {AbortSignal} signal
 */
async function connect(path, last, signal) {
  /** @type {Record<string, string>} */
  const headers = { accept: "text/event-stream" };
  if (last) headers["last-event-id"] = last;
  const response = await fetch(path, { headers, signal, cache: "no-store" });
  const forGood = response.status >= 400 && response.status < 500 && response.status !== 429;
  if (forGood) throw await refusal(response, path);
  if (response.status === 204) throw new ApiError(204, "over", "There is nothing more to come.");
  if (!response.ok || !response.body) throw new Error(response.statusText);
  return response;
}

/**
 * @param {Response} response
 * @param {() => void} end called when the connection has fallen silent
 * @returns {AsyncGenerator<ServerEvent>}
 */
async function* events(response, end) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const silence = setTimeout(end, SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    rest += decoder.decode(value, { stream: true }).replaceAll("\r\n", "\n");
    const records = rest.split("\n\n");
    rest = records.pop() ?? "";
    for (const record of records) {
      const event = parse(record);
      if (event) yield event;
    }
  }
}

/**
 * Read one record of an event stream; `null` for comments.
 * @param {string} record
 * @returns {ServerEvent | null}
 */
export function parse(record) {
  const event = { id: "", event: "message" };
  const data = [];
  for (const line of record.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "data") data.push(value);
    else if (name === "id" || name === "event") event[name] = value;
  }
  return data.length ? { ...event, data: JSON.parse(data.join("\n")) } : null;
}

/**
 * Wait, but not beyond the moment the machine is online again or the page is looked at.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function pause(milliseconds, signal) {
  const { promise, resolve } = Promise.withResolvers();
  const timer = setTimeout(resolve, milliseconds);
  const wake = new AbortController();
  const options = { signal: wake.signal };
  addEventListener("online", resolve, options);
  document.addEventListener("visibilitychange", resolve, options);
  signal.addEventListener("abort", resolve, options);
  return promise.finally(() => {
    clearTimeout(timer);
    wake.abort();
  });
}
