import { signal } from "@preact/signals";

import { t } from "../i18n.js";
import { uuid } from "../platform.js";
import { go, openId } from "../router.js";
import { modelFor, models } from "../state/models.js";
import { conversation } from "../state/thread.js";
import { send } from "../state/turns.js";
import { toast } from "../state/toasts.js";

/** Why the last instruction was not sent, and in which conversation. */
export const unsent = signal(/** @type {{where: string | null, error: Error} | null} */ (null));

/** The instruction whose sending failed: sent again unchanged, it is the same instruction. */
let attempt = { what: "", id: "" };

/**
 * Send an instruction and say so if that fails.
 *
 * @param {string} text
 * @param {string | null} parentId
 * @param {() => void} taken called when the text leaves its field
 * @param {(where: string | null) => void} giveBack called when it must return there, which may
 *   be a conversation that was begun for it
 * @param {import("../types.js").Attachment[]} [files]
 */
export async function sendFrom(text, parentId, taken, giveBack, files = []) {
  if (models.peek()?.length === 0) return toast(t("composer.noModel"));
  const what = JSON.stringify([conversation.peek()?.id, parentId, text, files.map(({ id }) => id)]);
  if (attempt.what !== what) attempt = { what, id: uuid() };
  const model = modelFor(conversation.peek()?.model)?.id;
  let where = openId.peek();
  const opened = (/** @type {string} */ id) => {
    where = id;
    go(id);
  };
  taken();
  unsent.value = null;
  try {
    await send(text, parentId, { clientId: attempt.id, model, files, opened });
    attempt = { what: "", id: "" };
  } catch (error) {
    giveBack(where);
    unsent.value = { where, error: /** @type {Error} */ (error) };
  }
}

/**
 * Make a field as tall as its text; the style sheet sets the limit.
 * @param {HTMLTextAreaElement | null} box
 */
export function fit(box) {
  if (!box) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}
