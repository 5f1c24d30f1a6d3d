import { signal } from "@preact/signals";

import { ApiError, request } from "../api.js";
import { uuid } from "../platform.js";
import { storage } from "../storage.js";

/**
 * The files of drafts: on their way to the server, there, or refused.
 *
 * @typedef {import("../types.js").Attachment} Attachment
 * @typedef {object} Draft one file of a draft
 * @property {string} key
 * @property {string} name
 * @property {number} size
 * @property {"sending" | "reading" | "ready" | "failed"} state
 * @property {number} sent the part that is sent, from 0 to 1
 * @property {Attachment | null} file once it is ready
 * @property {Error | null} error
 */

export const LARGEST_BYTES = 50 * 2 ** 20;
export const MOST_FILES = 20;

const drafts = signal(/** @type {Record<string, Draft[]>} */ ({}));
/** Files being sent, by their keys. @type {Map<string, {file: File, request: XMLHttpRequest | null}>} */
const sending = new Map();

/**
 * The files of a conversation's draft, as they were left, also before a reload.
 * @param {string | null} conversation
 * @returns {Draft[]}
 */
export function attached(conversation) {
  const key = conversation ?? "";
  return drafts.value[key] ?? stored(key);
}

/** @param {string} key @returns {Draft[]} */
function stored(key) {
  try {
    const files = JSON.parse(storage.get(`files.${key}`) ?? "[]");
    return files.map((/** @type {Attachment} */ file) => ({
      key: file.id, name: file.filename, size: file.size, state: "ready", sent: 1, file, error: null,
    }));
  } catch {
    return [];
  }
}

/**
 * @param {string | null} conversation
 * @param {Draft[]} files
 */
export function keepAttached(conversation, files) {
  const key = conversation ?? "";
  drafts.value = { ...drafts.value, [key]: files };
  const ready = files.flatMap((draft) => draft.file ?? []);
  storage.set(`files.${key}`, ready.length ? JSON.stringify(ready) : null);
}

/**
 * Add files to a draft and send them to the server.
 * @param {string | null} conversation
 * @param {Iterable<File>} files
 */
export function attach(conversation, files) {
  const room = MOST_FILES - attached(conversation).length;
  for (const file of [...files].slice(0, Math.max(0, room))) {
    const draft = {
      key: uuid(), name: file.name || "file", size: file.size, state: /** @type {const} */ ("sending"),
      sent: 0, file: null, error: null,
    };
    sending.set(draft.key, { file, request: null });
    keepAttached(conversation, [...attached(conversation), draft]);
    send(conversation, draft.key);
  }
}

/**
 * Take a file off a draft; what is on its way is stopped.
 * @param {string | null} conversation
 * @param {string} key
 */
export function detach(conversation, key) {
  const draft = attached(conversation).find((one) => one.key === key);
  keepAttached(conversation, attached(conversation).filter((one) => one.key !== key));
  sending.get(key)?.request?.abort();
  sending.delete(key);
  if (draft?.file) request("DELETE", `/api/documents/${draft.file.id}`).catch(() => {});
}

/**
 * Send a file, again if it failed before.
 * @param {string | null} conversation
 * @param {string} key
 */
export function send(conversation, key) {
  const known = sending.get(key);
  if (!known) return;
  const change = (/** @type {Partial<Draft>} */ values) => {
    const files = attached(conversation);
    if (!files.some((draft) => draft.key === key)) return;
    keepAttached(conversation, files.map((draft) =>
      (draft.key === key ? { ...draft, ...values } : draft)));
  };
  if (known.file.size > LARGEST_BYTES) {
    return change({ state: "failed", error: new ApiError(413, "file_too_large", "") });
  }
  const link = new XMLHttpRequest();
  known.request = link;
  change({ state: "sending", sent: 0, error: null });
  link.upload.onprogress = ({ loaded, total }) => change({ sent: total ? loaded / total : 0 });
  link.upload.onload = () => change({ state: "reading", sent: 1 });
  link.onerror = () => change({ state: "failed", error: new ApiError(0, "unreachable", "") });
  link.onload = () => {
    const body = link.response ?? {};
    if (link.status === 201) {
      change({ state: "ready", file: body });
      return sending.delete(key);
    }
    const { code = "internal_error", message = "" } = body.error ?? {};
    change({ state: "failed", error: new ApiError(link.status, code, message) });
  };
  const form = new FormData();
  form.append("file", known.file, known.file.name);
  link.open("POST", "/api/documents");
  link.responseType = "json";
  link.send(form);
}
