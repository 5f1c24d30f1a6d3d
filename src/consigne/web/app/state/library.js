import { computed, effect, signal } from "@preact/signals";

import { request } from "../api.js";
import { t } from "../i18n.js";
import { go, openId } from "../router.js";
import { collection } from "./collection.js";
import { toast } from "./toasts.js";

/**
 * What a person makes the chat their own with.
 *
 * @typedef {{name: string, default: string, choices: string[]}} Place
 * @typedef {{id: string, name: string, text: string, places: Place[], shared: boolean,
 *   mine: boolean}} Prompt
 * @typedef {{temperature: number | null, top_p: number | null, max_tokens: number | null}} Settings
 * @typedef {{id: string, name: string, description: string, instructions: string, model: string,
 *   settings: Settings, tools: string[], knowledge: string[], starters: string[], letter: string,
 *   colour: string, shared: boolean, mine: boolean}} Assistant
 * @typedef {{id: string, name: string, text: string, model: string, cron: string,
 *   time_zone: string, conversation_id: string | null, paused: boolean, unread: boolean,
 *   running: boolean, next_at: string | null, last_at: string | null, last_state: string | null,
 *   last_error: string | null}} Schedule
 * @typedef {{id: string, name: string, description: string, body: string, files: string[],
 *   source: "operator" | "upload", enabled: boolean, shared: boolean, mine: boolean}} Skill
 */

/** @typedef {"assistants" | "prompts" | "schedules" | "skills" | "files" | "personal"} Tab */

/** @type {readonly Tab[]} */
export const TABS = ["assistants", "prompts", "schedules", "skills", "files", "personal"];
export const tab = signal(/** @type {Tab} */ ("assistants"));

/** @type {ReturnType<typeof collection<Assistant>>} */
export const assistants = collection("/api/assistants", "assistants", "assistant.deleted");
/** @type {ReturnType<typeof collection<Prompt>>} */
export const prompts = collection("/api/prompts", "prompts", "prompt.deleted");
/** @type {ReturnType<typeof collection<Schedule>>} */
export const schedules = collection("/api/schedules", "schedules", "schedule.deleted");
/** @type {ReturnType<typeof collection<Skill>>} */
export const skills = collection("/api/skills", "skills", "skill.deleted");

const LOOK_EVERY_MS = 30_000;
/** While one runs. */
const LOOK_SOON_MS = 1_500;

/** How many schedules have run since their conversations were looked at. */
export const unread = computed(() =>
  (schedules.items.value ?? []).filter((one) => one.unread && one.conversation_id !== openId.value)
    .length);

/** @param {string | null | undefined} id */
export function assistantOf(id) {
  return assistants.items.value?.find((one) => one.id === id);
}

/** Load what the page needs at once; the rest comes when it is opened. */
export async function loadLibrary() {
  await Promise.all([assistants.load(), prompts.load(), lookAtSchedules()]);
}

let looking = 0;

/** Read the schedules, and again soon while one runs. */
export async function lookAtSchedules() {
  clearTimeout(looking);
  const before = new Map((schedules.items.peek() ?? []).map((one) => [one.id, one.last_at]));
  const first = schedules.items.peek() === null;
  await schedules.load();
  for (const one of schedules.items.peek() ?? []) {
    if (!first && one.unread && before.get(one.id) !== one.last_at) announce(one);
  }
  const running = schedules.items.peek()?.some((one) => one.running);
  if (running) looking = setTimeout(lookAtSchedules, LOOK_SOON_MS);
}

/** Say that a schedule ran: on the page, and by the browser where that is allowed. @param {Schedule} one */
function announce(one) {
  const where = one.conversation_id;
  if (!where || where === openId.peek()) return;
  const text = t("schedule.ran", { name: one.name });
  toast(text, { label: t("schedule.open"), run: () => go(where) });
  if (document.hidden && "Notification" in window && Notification.permission === "granted") {
    const shown = new Notification(text, { tag: one.id });
    shown.onclick = () => {
      window.focus();
      go(where);
    };
  }
}

/** Look for schedules that ran, and take those as seen whose conversation is open. */
export function watchSchedules() {
  setInterval(() => {
    if (schedules.items.peek()?.length) lookAtSchedules();
  }, LOOK_EVERY_MS);
  effect(() => {
    const id = openId.value;
    const here = schedules.items.value?.find((one) => one.unread && one.conversation_id === id);
    if (!here) return;
    queueMicrotask(async () => {
      schedules.put({ ...here, unread: false });
      await schedules.fresh.change(() =>
        request("POST", "/api/schedules/read", { conversation_id: id }).catch(() => {}));
    });
  });
}
