import { request } from "../api.js";
import { size } from "../format.js";
import { t } from "../i18n.js";

/**
 * Python in the reader's own browser: in a frame of an origin of its own, without any network,
 * which is removed when its time is over.
 *
 * @typedef {{name: string, media_type: string, bytes: Uint8Array<ArrayBuffer>}} MadeFile
 * @typedef {{text: string, is_error: boolean, files: MadeFile[]}} Result
 */

const STARTS_IN_MS = 120_000;
const RUNS_FOR_MS = 60_000;
const LONGEST = 100_000;
/** The frame's own limits, for it is the program's too. */
const MOST_FILES = 8;
const LARGEST_BYTES = 10_000_000;
const MOST_BYTES = 20_000_000;

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
    const { state, said, files, left } = event.data ?? {};
    if (state === "open") frame.contentWindow?.postMessage({ code }, "*");
    if (state === "begun") {
      clearTimeout(timer);
      wrote(t("code.running"));
      timer = setTimeout(() => end(true, t("code.tooLong")), RUNS_FOR_MS);
    }
    if (state === "wrote" && text.length < LONGEST) wrote((text += String(said)));
    if (state === "ended") {
      end(false, [said, notKept(left)].filter(Boolean).join("\n"), taken(files));
    }
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
 * The files of a frame's message, which a program can write itself.
 * @param {unknown} files
 * @returns {MadeFile[]}
 */
function taken(files) {
  const found = Array.isArray(files) ? files.slice(0, MOST_FILES) : [];
  let together = 0;
  return found.flatMap((file) => {
    if (!(file?.bytes instanceof Uint8Array) || file.bytes.length > LARGEST_BYTES) return [];
    together += file.bytes.length;
    if (together > MOST_BYTES) return [];
    return [{
      name: String(file.name).slice(-200), media_type: String(file.media_type).slice(0, 100), bytes: file.bytes,
    }];
  });
}

/**
 * Which files are over the limits, and what these are.
 * @param {unknown} left
 */
function notKept(left) {
  if (!Array.isArray(left) || !left.length) return "";
  const names = left.slice(0, 20).map((file) => `${String(file?.name)} (${size(Number(file?.size) || 0)})`);
  return t("code.notKept", {
    names: names.join(", "), most: MOST_FILES, each: size(LARGEST_BYTES), together: size(MOST_BYTES),
  });
}

/**
 * A file as JSON carries it.
 * @param {MadeFile} file
 * @returns {Promise<{name: string, media_type: string, data: string}>}
 */
function encoded({ name, media_type, bytes }) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const reader = new FileReader();
  reader.onload = () => {
    const data = String(reader.result).split(",")[1] ?? "";
    resolve({ name, media_type, data });
  };
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(new Blob([bytes]));
  return promise;
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
  const { files, ...said } = await runPython(String(use.input.code ?? ""), signal);
  if (signal.aborted) return;
  const result = { ...said, files: await Promise.all(files.map(encoded)) };
  const path = `/api/runs/${runId}/calls/${encodeURIComponent(use.id)}/result`;
  await request("POST", path, result).catch(() => {}); // 409: another page was faster
}
