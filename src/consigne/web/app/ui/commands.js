import { explain, t } from "../i18n.js";
import { go, openId } from "../router.js";
import {
  archive, conversationOf, goBeside, moving, pin, remove, retitling,
} from "../state/conversations.js";
import { place } from "../state/branch.js";
import { modelFor } from "../state/models.js";
import { drawer, overlay } from "../state/look.js";
import { sharing } from "../state/shares.js";
import { temporary } from "../state/temporary.js";
import { endTemporary } from "../state/temporary_turns.js";
import { conversation, readVersion, running, shown } from "../state/thread.js";
import { answerAgain, goOn } from "../state/turns.js";
import { toast } from "../state/toasts.js";
import { openSearch } from "../state/search.js";
import { newProject } from "./project_door.js";

/**
 * What can be done to the open conversation and its last answer, by key or from the palette.
 *
 * @typedef {import("../types.js").Conversation} Conversation
 */

/** Begin a new conversation. */
export function beginNew() {
  drawer.value = false;
  if (temporary.peek()) endTemporary();
  go(null);
  document.getElementById("composer")?.focus();
}

/** The open conversation, as the list knows it. */
function current() {
  return conversationOf(openId.peek()) ?? conversation.peek();
}

/** @param {(item: Conversation) => unknown} act */
const onOpen = (act) => () => {
  const item = current();
  if (item) act(item);
};

/** @type {Record<string, () => unknown>} */
export const COMMANDS = {
  search: () => openSearch(),
  help: () => { overlay.value = "keys"; },
  new: beginNew,
  previous: () => goBeside(-1),
  next: () => goBeside(1),
  pin: onOpen(pin),
  rename: onOpen((item) => { retitling.value = item.id; }),
  move: onOpen((item) => { moving.value = item; }),
  archive: onOpen(archive),
  project: newProject,
  share: onOpen((item) => { sharing.value = item; }),
  delete: onOpen(remove),
  again: () => {
    const answer = lastAnswer();
    if (!answer?.parent_id || running.peek()) return;
    say(answerAgain(answer.parent_id, modelFor(conversation.peek()?.model)?.id));
  },
  goOn: () => {
    const answer = lastAnswer();
    if (answer && canGoOn(answer)) say(goOn(answer));
  },
  earlier: () => step("earlier"),
  later: () => step("later"),
};

/**
 * Whether an answer was cut, so that it can go on.
 * @param {import("../types.js").Message} answer
 */
export function canGoOn(answer) {
  const cut = ["stopped", "interrupted", "failed"].includes(answer.state);
  return cut || answer.stop_reason === "max_tokens";
}

/** The commands that fit now, in the order of the palette. */
export function fitting() {
  const answer = lastAnswer();
  const idle = answer !== undefined && !running.peek();
  const item = current();
  const there = openId.peek() !== null && item !== undefined && item !== null;
  const versions = shown.peek().some((message) => place(message).count > 1);
  return [
    ...(idle ? ["again"] : []),
    ...(idle && canGoOn(answer) ? ["goOn"] : []),
    ...(versions ? ["earlier", "later"] : []),
    ...(there ? ["pin", "rename", "move", "share", "archive", "delete"] : []),
    "previous", "next", "help",
  ];
}

/**
 * The words for a command as things are now.
 * @param {string} command
 */
export function wordsFor(command) {
  const item = current();
  if (command === "pin" && item?.pinned) return t("list.unpin");
  if (command === "archive" && item?.archived) return t("archive.restore");
  return t(`keys.${command}`);
}

function lastAnswer() {
  const last = shown.peek().at(-1);
  return last?.role === "assistant" ? last : undefined;
}

/**
 * Step to another version of the last message that has some.
 * @param {"earlier" | "later"} side
 */
function step(side) {
  const branching = shown.peek().findLast((message) => place(message).count > 1);
  const target = branching && place(branching)[side];
  if (target) say(readVersion(target));
}

/** @param {Promise<unknown>} work */
function say(work) {
  work.catch((error) => toast(explain(error)));
}
