import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { freshness } from "./freshness.js";
import { toast } from "./toasts.js";

/**
 * Links by which anybody reads a conversation.
 *
 * @typedef {{id: string, conversation_id: string, title: string, path: string, messages: number,
 *   created_at: string, updated_at: string, behind: boolean}} Share
 * @typedef {import("../types.js").Conversation} Conversation
 */

/** The person's links, the latest first; `null` until read. */
export const shares = signal(/** @type {Share[] | null} */ (null));
/** Whether the operator allows links. */
export const enabled = signal(true);
/** The conversation that is to be shared. */
export const sharing = signal(/** @type {Conversation | null} */ (null));

const fresh = freshness();
const read = fresh.reader();

export async function loadShares() {
  try {
    await read(() => request("GET", "/api/shares"), (found) => {
      enabled.value = found.enabled;
      shares.value = found.shares;
    });
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/**
 * Make a link to a conversation, or let the one there is show it as it is now.
 * @param {string} conversation
 * @throws {import("../api.js").ApiError}
 */
export function share(conversation) {
  return fresh.change(async () => {
    const made = await request("POST", `/api/conversations/${conversation}/share`);
    shares.value = [made, ...(shares.value ?? []).filter((one) => one.id !== made.id)];
  });
}

/** @param {Share} link */
export async function revoke(link) {
  try {
    await fresh.change(async () => {
      await request("DELETE", `/api/shares/${link.id}`);
      shares.value = (shares.value ?? []).filter((one) => one.id !== link.id);
    });
    toast(t("share.revoked"));
  } catch (error) {
    toast(explain(/** @type {Error} */ (error)));
  }
}

/** @param {Share} link */
export function addressOf(link) {
  return location.origin + link.path;
}
