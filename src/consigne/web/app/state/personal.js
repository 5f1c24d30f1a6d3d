import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { collection } from "./collection.js";
import { toast } from "./toasts.js";

/**
 * @typedef {{about: string, style: string, enabled: boolean, memory_enabled: boolean}} Instructions
 * @typedef {{id: string, text: string, source: "person" | "model", created_at: string}} Fact
 */

export const instructions = signal(/** @type {Instructions | null} */ (null));
/** @type {ReturnType<typeof collection<Fact>>} */
export const facts = collection("/api/personal/facts", "facts", "personal.forgotten");

const read = facts.fresh.reader();

export function loadPersonal() {
  return read(() => request("GET", "/api/personal"), (found) => {
    instructions.value = found.instructions;
    facts.items.value = found.facts;
  }).catch(() => {});
}

/** @param {Instructions} wanted */
export function instruct(wanted) {
  return facts.fresh.change(async () => {
    instructions.value = await request("PUT", "/api/personal/instructions", wanted);
  });
}

const ASKED = /^\s*(?:please\s+|s[’']il (?:te|vous) pla[iî]t,?\s+)?(?:remember|retiens|retenez|souviens-toi|souvenez-vous|rappelle-toi|rappelez-vous|n[’']oublie[zs]? pas)(?:\s+(?:that|que)\b|\s+qu[’'])?\s*:?\s*/i;

/**
 * What a message asks to be remembered; empty if it asks for nothing.
 * @param {string} text
 */
export function toRemember(text) {
  const match = text.match(ASKED);
  return match ? text.slice(match[0].length).split("\n")[0].trim().slice(0, 300) : "";
}

/** @param {string} text */
export async function remember(text) {
  try {
    await facts.save(null, { text });
    toast(t("personal.remembered", { text }));
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}
