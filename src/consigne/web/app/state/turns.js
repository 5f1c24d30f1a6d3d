import { batch } from "@preact/signals";

import { request } from "../api.js";
import { openId, openProject } from "../router.js";
import { graft, head, hold, later, messages, setBeside } from "./branch.js";
import { second, secondModel } from "./compare.js";
import { loadList } from "./conversations.js";
import { prefer } from "./models.js";
import { takePart } from "./marking.js";
import { temporary } from "./temporary.js";
import { answerTemporarily, sendTemporarily } from "./temporary_turns.js";
import { conversation, follow, move, outgoing, read, reopen, status, toLatest, written } from "./thread.js";
import { takeMode } from "./tools.js";

/**
 * What a reader does to the conversation: sends, has answered again, goes on, stops.
 *
 * @typedef {import("../types.js").Conversation} Conversation
 * @typedef {import("../types.js").Message} Message
 */

/**
 * Send an instruction; the answer begins to come.
 *
 * @param {string} text
 * @param {string | null} parentId the answer it follows; `null` begins the conversation
 * @param {{clientId: string, model?: string, files?: import("../types.js").Attachment[],
 *   opened: (id: string) => void}} options
 * @throws {ApiError} nothing was kept; the same `clientId` makes trying again safe
 */
export async function send(text, parentId, { clientId, model, files = [], opened }) {
  if (temporary.peek()) return sendTemporarily(text, parentId, model);
  const before = conversation.peek();
  const shown = { text, parentId, files };
  try {
    if (later.peek() && parentId === head.peek()) await toLatest();
    if (conversation.peek()?.id === before?.id) outgoing.value = shown;
    move();
    const other = secondModel.peek()?.id;
    const kept = before ?? (await begin(model, opened));
    const body = {
      text, parent_id: parentId, client_id: clientId, model, mode: takeMode(),
      ...takePart(),
      ...(files.length ? { attachments: files.map(({ id }) => id) } : {}),
      ...(other ? { second_model: other } : {}),
    };
    const reply = await request("POST", `/api/conversations/${kept.id}/messages`, body);
    const left = () => conversation.peek()?.id !== kept.id;
    if (left()) return openId.peek() === kept.id ? reopen() : loadList(); // left, or come back to
    // The reader may have gone to another version meanwhile: then what was sent is shown afresh.
    const elsewhere = parentId !== null && !messages.peek().has(parentId);
    const page = elsewhere ? await read(kept.id) : null;
    if (left()) return loadList();
    batch(() => {
      outgoing.value = null;
      if (page) return hold(page);
      graft(reply.message);
      follow(reply.answer, reply.run.id);
      if (reply.beside) setBeside(reply.beside.answer);
    });
    second.value = null;
    loadList();
  } catch (error) {
    if (outgoing.peek() === shown) outgoing.value = null;
    throw error;
  }
}

/**
 * @param {string | undefined} model
 * @param {(id: string) => void} opened
 * @returns {Promise<Conversation>}
 */
async function begin(model, opened) {
  const project = openProject.peek();
  const made = await request("POST", "/api/conversations", {
    ...(model ? { model } : {}), ...(project ? { project_id: project } : {}),
  });
  if (openId.peek() !== null) return made;
  conversation.value = made;
  status.value = "ready";
  opened(made.id);
  return made;
}

/**
 * Have a question answered once more, beside the answers it has.
 * @param {string} questionId
 * @param {string} [model]
 */
export async function answerAgain(questionId, model) {
  if (temporary.peek()) return answerTemporarily(questionId, model);
  const reply = await request("POST", `/api/messages/${questionId}/answers`, { model });
  follow(reply.answer, reply.run.id);
}

/**
 * Go on with an answer that was stopped or interrupted.
 * @param {Message} answer
 */
export async function goOn(answer) {
  if (temporary.peek() && answer.parent_id) return answerTemporarily(answer.parent_id);
  const reply = await request("POST", `/api/messages/${answer.id}/continue`, {});
  follow(reply.answer, reply.run.id);
}

export async function stop() {
  await Promise.all(written.peek().map(({ run_id }) => request("POST", `/api/runs/${run_id}/stop`)));
}

/**
 * Let another model answer from here on.
 * @param {string} model
 */
export async function chooseModel(model) {
  prefer(model);
  const current = conversation.peek();
  if (!current) return;
  conversation.value = { ...current, model };
  await request("PATCH", `/api/conversations/${current.id}`, { model }).catch(() => {});
}
