import { signal } from "@preact/signals";

import { ApiError, request } from "../api.js";
import { explain, t } from "../i18n.js";
import { storage } from "../storage.js";
import { loadList } from "./conversations.js";
import { toast } from "./toasts.js";

/**
 * The file of conversations that is being taken in.
 *
 * @typedef {{id: string, filename: string, state: "running" | "done" | "failed",
 *   conversations: number, total: number | null, left_out: {what: string, count: number}[],
 *   error: string | null}} Import
 */

const LOOK_MS = 1_000;
const LOOK_AGAIN_MS = 10_000;

/** Its part that is done, from 0 to 1; `null` while that is not known. */
export const importing = signal(
  /** @type {{name: string, phase: "sending" | "taking", part: number | null} | null} */ (null),
);

/** @param {File} file */
export function sendImport(file) {
  const link = new XMLHttpRequest();
  const failed = (/** @type {string} */ code, status = 0, message = "") => {
    importing.value = null;
    toast(explain(new ApiError(status, code, message)));
  };
  importing.value = { name: file.name, phase: "sending", part: 0 };
  link.upload.onprogress = ({ loaded, total }) => {
    importing.value = { name: file.name, phase: "sending", part: total ? loaded / total : null };
  };
  link.onerror = () => failed("unreachable");
  link.onload = () => {
    const body = link.response ?? {};
    if (link.status === 202) return watch(body);
    failed(body.error?.code ?? "internal_error", link.status, body.error?.message);
  };
  link.open("POST", `/api/import?${new URLSearchParams({ filename: file.name.slice(0, 200) })}`);
  link.responseType = "json";
  link.send(file);
}

/** Go on watching the import that this browser began before a reload. */
export function resumeImport() {
  const id = storage.get("import");
  if (id && !importing.peek()) look(id);
}

/** @param {Import} found */
function watch(found) {
  storage.set("import", found.state === "running" ? found.id : null);
  if (found.state === "running") {
    const part = found.total ? found.conversations / found.total : null;
    importing.value = { name: found.filename, phase: "taking", part };
    setTimeout(look, LOOK_MS, found.id);
    return;
  }
  importing.value = null;
  toast(found.state === "done" ? told(found) : found.error ?? t("error.internal_error"));
  loadList();
}

/** @param {string} id */
async function look(id) {
  try {
    watch(await request("GET", `/api/imports/${id}`));
  } catch (error) {
    if (error instanceof ApiError && error.status === 0) {
      setTimeout(look, LOOK_AGAIN_MS, id); // it goes on without us
      return;
    }
    storage.set("import", null);
    importing.value = null;
  }
}

/** @param {Import} taken */
function told(taken) {
  const left = taken.left_out.map(({ what, count }) => t(`transfer.left.${what}`, { count }));
  const nothing = !taken.conversations && !left.length;
  const done = nothing ? t("transfer.takenNone") : t("transfer.taken", { count: taken.conversations });
  return left.length ? `${done} ${t("transfer.leftOut", { list: left.join(", ") })}` : done;
}
