import { computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { explain } from "../i18n.js";
import { storage } from "../storage.js";
import { follow } from "../stream.js";
import { freshness } from "./freshness.js";
import { assistants } from "./library.js";
import { toast } from "./toasts.js";

/**
 * @typedef {import("../types.js").Model} Model
 * @typedef {import("../types.js").Pull} Pull
 * @typedef {import("../types.js").Suggestions} Suggestions
 */

export const models = signal(/** @type {Model[] | null} */ (null));
const defaultId = signal(/** @type {string | null} */ (null));
/** The model that makes pictures. */
export const paints = signal(/** @type {string | null} */ (null));
/** Whether a part of a picture can be drawn anew. */
export const edits = signal(false);
/** Of all prices. */
export const currency = signal("USD");
const preferred = signal(storage.get("model"));

/** Those that can hold a conversation. */
const ownWriters = computed(() => models.value?.filter((m) => m.modality === "text") ?? []);
export const writers = computed(() => [...ownWriters.value, ...asModels()]);

export const suggestions = signal(/** @type {Suggestions | null} */ (null));
export const suggestionsError = signal(/** @type {Error | null} */ (null));
export const pulls = signal(/** @type {Record<string, Pull>} */ ({}));
export const runningPulls = computed(() =>
  Object.values(pulls.value).filter((pull) => pull.state === "running"),
);

/** The model whose pull has just ended well. */
export const arrival = signal(/** @type {Model | null} */ (null));

/** The assistants, as the models that they are to a conversation. @returns {Model[]} */
function asModels() {
  return (assistants.items.value ?? []).flatMap((one) => {
    const wanted = one.model || defaultId.value;
    const model = ownWriters.value.find((found) => found.id === wanted);
    return model ? [{ ...model, id: one.id, name: one.name, starter: false }] : [];
  });
}

/** The name of a model or an assistant, if it is still there. @param {string | null} id */
export function nameOf(id) {
  return writers.value.find((model) => model.id === id)?.name ?? id;
}

/**
 * The model that answers next in a conversation which names `own`, or no model.
 * @param {string | null | undefined} own
 * @returns {Model | undefined}
 */
export function modelFor(own) {
  const wanted = [own, preferred.value, defaultId.value];
  for (const id of wanted) {
    const found = writers.value.find((model) => model.id === id);
    if (found) return found;
  }
  return writers.value[0];
}

/** @param {string} id */
export function prefer(id) {
  preferred.value = id;
  storage.set("model", id);
}

const fresh = freshness();
const readModels = fresh.reader();
const readSuggestions = fresh.reader();

export function loadModels() {
  return readModels(() => request("GET", "/api/models"), (found) => {
    models.value = found.models;
    defaultId.value = found.default;
    paints.value = found.paints ?? null;
    edits.value = Boolean(found.changes_pictures);
    currency.value = found.currency ?? "USD";
  }).catch(() => {});
}

export async function loadSuggestions() {
  suggestionsError.value = null;
  try {
    await readSuggestions(() => request("GET", "/api/models/suggestions"), (found) => {
      suggestions.value = found;
    });
  } catch (error) {
    suggestionsError.value = /** @type {Error} */ (error);
  }
}

/** Learn of pulls that run already (begun in another tab, or before a reload). */
export async function loadPulls() {
  const before = pulls.peek();
  const found = await request("GET", "/api/models/pulls").catch(() => ({ pulls: [] }));
  for (const pull of found.pulls) {
    const told = pulls.peek()[pull.source] !== before[pull.source]; // meanwhile, so it is newer
    if (!told) pulls.value = { ...pulls.value, [pull.source]: pull };
  }
  if (!runningPulls.value.length) return;
  watchPulls();
  loadSuggestions(); // they hold the models' names
}

/** @param {string} source */
export async function startPull(source) {
  try {
    take(await request("POST", "/api/models/pulls", { source }));
    watchPulls();
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {Pull} pull */
export async function cancelPull(pull) {
  try {
    await request("DELETE", `/api/models/pulls/${pull.id}`);
    take({ ...pull, state: "cancelled" });
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @type {AbortController | null} */
let watching = null;

/** Follow the pulls until none runs any more. */
function watchPulls() {
  if (watching) return;
  watching = new AbortController();
  const receive = (/** @type {import("../stream.js").ServerEvent} */ { event, data }) => {
    if (event === "pull") take(data);
    return runningPulls.value.length === 0;
  };
  follow("/api/models/pulls/events", { signal: watching.signal, receive })
    .catch((error) => toast(explain(error)))
    .finally(() => {
      watching = null;
    });
}

/** @param {Pull} pull */
function take(pull) {
  const before = pulls.value[pull.source];
  if (before?.id === pull.id && before.state !== "running") return;
  pulls.value = { ...pulls.value, [pull.source]: pull };
  if (pull.state === "done") arrived(pull);
}

/** @param {Pull} pull */
async function arrived(pull) {
  await Promise.all([loadModels(), loadSuggestions()]);
  arrival.value = models.value?.find((model) => model.id === pull.model) ?? null;
}
