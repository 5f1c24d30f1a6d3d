import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain } from "../i18n.js";
import { freshness } from "./freshness.js";
import { python } from "./interpreter.js";
import { toast } from "./toasts.js";

/**
 * The tools that models may use for whoever is signed in.
 *
 * @typedef {import("../types.js").Tool} Tool
 */

export const tools = signal(/** @type {Tool[]} */ ([]));
/** Whether there is what research needs. */
export const canResearch = signal(false);
/** Whether the next instruction is to be researched. */
export const research = signal(false);
/** Whether the next instruction says what is to be drawn. */
export const drawing = signal(false);

/**
 * Whether a model is offered tools; the starter is too small to choose well.
 * @param {import("../types.js").Model | undefined} model
 */
export function usesTools(model) {
  return Boolean(model?.capabilities?.tools && !model.starter);
}

const fresh = freshness();
const read = fresh.reader();

export function loadTools() {
  return read(() => request("GET", "/api/tools"), (found) => {
    tools.value = found.tools;
    canResearch.value = found.research;
    python.value = found.python;
  }).catch(() => {});
}

/**
 * @param {string} name
 * @param {boolean} on
 */
export async function switchTool(name, on) {
  const show = (/** @type {boolean} */ is) => {
    tools.value = tools.value.map((tool) => (tool.name === name ? { ...tool, on: is } : tool));
  };
  show(on);
  try {
    await fresh.change(() => request("PATCH", `/api/tools/${encodeURIComponent(name)}`, { on }));
  } catch (error) {
    show(!on);
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** How the instruction that is being sent is to be answered; the next is as usual again. */
export function takeMode() {
  const mode = drawing.peek() ? "picture" : research.peek() ? "research" : "";
  research.value = false;
  drawing.value = false;
  return mode;
}

/**
 * Allow or refuse what a call asks for.
 * @param {string} runId
 * @param {string} callId
 * @param {"once" | "always" | "refuse"} decision
 */
export function giveLeave(runId, callId, decision) {
  const path = `/api/runs/${runId}/calls/${encodeURIComponent(callId)}/leave`;
  return request("POST", path, { decision });
}
