import { request } from "../api.js";
import { t } from "../i18n.js";

/**
 * Python in the reader's own browser: in a frame of an origin of its own, without any network,
 * which is removed when its time is over.
 *
 * @typedef {{name: string, media_type: string, data: string}} MadeFile
 * @typedef {{text: string, is_error: boolean, files: MadeFile[]}} Result
 */

const STARTS_IN_MS = 120_000;
const RUNS_FOR_MS = 60_000;
const LONGEST = 100_000;

/**
 * Run a program to its end, or until its time is over or it is told to stop.
 *
 * @param {string} code
 * @param {AbortSignal} stop
 * @param {(text: string) => void} [wrote] told what it wrote so far
 * @returns {Promise<Result>}
 */
export function runPython(code, stop, wrote = () => {}) {
  const { promise, resolve } = Promise.withResolvers();
  const frame = document.createElement("iframe");
  frame.className = "unseen";
  frame.title = "Python";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = "/frame/python";
  let text = "";
  /** @type {(failed: boolean, why?: string, files?: MadeFile[]) => void} */
  const end = (failed, why = "", files = []) => {
    const whole = [text.slice(0, LONGEST), why].filter(Boolean).join("\n");
    resolve({ text: whole, is_error: failed, files });
  };
  let timer = setTimeout(() => end(true, t("code.tooSlow")), STARTS_IN_MS);
  const hear = (/** @type {MessageEvent} */ event) => {
    if (event.source !== frame.contentWindow) return;
    const { state, said, files } = event.data ?? {};
    if (state === "open") frame.contentWindow?.postMessage({ code }, "*");
    if (state === "begun") {
      clearTimeout(timer);
      wrote(t("code.running"));
      timer = setTimeout(() => end(true, t("code.tooLong")), RUNS_FOR_MS);
    }
    if (state === "wrote" && text.length < LONGEST) wrote((text += String(said)));
    if (state === "ended") end(false, String(said ?? ""), files.map(encoded));
    if (state === "failed") end(true, String(said));
  };
  const stopped = () => end(true, t("code.stopped"));
  addEventListener("message", hear);
  stop.addEventListener("abort", stopped);
  document.body.append(frame);
  return promise.finally(() => {
    clearTimeout(timer);
    removeEventListener("message", hear);
    stop.removeEventListener("abort", stopped);
    frame.remove(); // this ends the program, whatever it does
  });
}

/**
 * @param {{name: string, media_type: string, bytes: Uint8Array}} file
 * @returns {MadeFile}
 */
function encoded({ name, media_type, bytes }) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return { name, media_type, data: btoa(binary) };
}

/**
 * Do what a run asks of its reader's page, unless another page was faster.
 *
 * @param {string} runId
 * @param {import("../types.js").ToolUse} use
 * @param {AbortSignal} signal
 */
export async function workFor(runId, use, signal) {
  if (use.name !== "run_python") return;
  const result = await runPython(String(use.input.code ?? ""), signal);
  if (signal.aborted) return;
  const path = `/api/runs/${runId}/calls/${encodeURIComponent(use.id)}/result`;
  await request("POST", path, result).catch(() => {}); // 409: another page was faster
}
