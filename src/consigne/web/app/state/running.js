import { signal } from "@preact/signals";

import { ApiError } from "../api.js";
import { follow } from "../stream.js";
import { openMade } from "./artifact.js";
import { timeThought } from "./thought.js";

/**
 * The answers that this page follows while the server writes them: one, or two side by side.
 *
 * @typedef {import("../types.js").Message} Message
 * @typedef {import("../types.js").Block} Block
 *
 * @typedef {object} Hearer
 * @property {(content: Block[]) => void} written told now and then what stands so far
 * @property {(sources: import("../types.js").Source[]) => void} cited it stands on these too
 * @property {(title: string) => void} titled the conversation got a title
 * @property {(message: Message) => void} done the answer is whole, or ended otherwise
 * @property {() => void} gone the server does not know this run any more
 *
 * @typedef {{runId: string, link: AbortController, timer: number, blocks: Block[],
 *   hearer: Hearer}} Followed
 */

/** The screen is brought up to date at most this often. */
const LEAST_INTERVAL_MS = 50;

/** What is told again to a page that comes late may have been done already: look on first. */
const WORK_AFTER_MS = 100;

/** The pieces of an answer between which its thinking lies. */
const TIMED = ["thinking", "delta", "tool_use", "done"];

/** Whether the connection to the answer is lost (it is being sought again). */
export const lost = signal(false);

let interval = LEAST_INTERVAL_MS;
/** @type {Map<string, Followed>} by their runs */
const followed = new Map();

/**
 * Long answers cost more to draw: keep the page free for three quarters of the time.
 * @param {number} milliseconds what the last drawing took
 */
export function drawnIn(milliseconds) {
  interval = Math.max(LEAST_INTERVAL_MS, milliseconds * 4);
}

/** Follow no answer any more; the server goes on with it. */
export function leave() {
  listenOnly([]);
}

/** Follow no other answers any more. @param {string[]} runIds */
export function listenOnly(runIds) {
  for (const mine of followed.values()) {
    if (runIds.includes(mine.runId)) continue;
    mine.link.abort();
    clearTimeout(mine.timer);
    followed.delete(mine.runId);
  }
  if (!followed.size) lost.value = false;
}

/**
 * Follow a run; nothing happens if it is being followed already.
 * @param {string} runId
 * @param {Hearer} hearer
 */
export function listen(runId, hearer) {
  if (followed.has(runId)) return;
  const link = new AbortController();
  const mine = { runId, link, timer: 0, blocks: /** @type {Block[]} */ ([]), hearer };
  followed.set(runId, mine);
  follow(`/api/runs/${runId}/events`, {
    signal: link.signal,
    lost: (is) => {
      if (isFollowed(mine)) lost.value = is;
    },
    receive: ({ event, data }) => receive(mine, event, data),
  }).catch((error) => {
    if (!isFollowed(mine)) return;
    end(mine);
    if (error instanceof ApiError && error.status !== 401) hearer.gone();
  });
}

/** @param {Followed} mine */
function isFollowed(mine) {
  return followed.get(mine.runId) === mine;
}

/** @param {Followed} mine */
function end(mine) {
  listenOnly([...followed.keys()].filter((runId) => runId !== mine.runId));
}

/**
 * @param {Followed} mine
 * @param {string} event
 * @param {any} data
 */
function receive(mine, event, data) {
  if (!isFollowed(mine)) return true;
  if (TIMED.includes(event)) timeThought(mine.runId, event);
  switch (event) {
    case "start":
      mine.blocks = data.content ?? (data.text ? [{ type: "text", text: data.text }] : []);
      break;
    case "tool_result":
      openMade(data);
    // falls through
    case "tool_use":
      mine.blocks = append(mine.blocks, data);
      draw(mine);
      break;
    case "tool_asks":
      mine.blocks = staged(mine.blocks, data.id, data.page ? "page" : "asks", data.title);
      if (data.page) setTimeout(() => work(mine, data.id), WORK_AFTER_MS);
      draw(mine);
      break;
    case "tool_runs":
      mine.blocks = staged(mine.blocks, data.id, "runs");
      draw(mine);
      break;
    case "tool_progress":
      mine.blocks = mine.blocks.map((block) => (block.type === "tool_use" && block.id === data.id
        ? { ...block, done: data.done, total: data.total, growing: data.growing ?? block.growing }
        : block));
      draw(mine);
      break;
    case "sources":
      mine.hearer.cited(data.sources);
      break;
    case "delta":
      mine.blocks = append(mine.blocks, { type: "text", text: data.text });
      draw(mine);
      break;
    case "thinking":
      mine.blocks = append(mine.blocks, { type: "thinking", thinking: data.text });
      draw(mine);
      break;
    case "title":
      mine.hearer.titled(data.title);
      break;
    case "done":
      end(mine);
      mine.hearer.done(data.message);
      return true;
  }
  return false;
}

/**
 * @param {Followed} mine
 * @param {string} call
 */
function work(mine, call) {
  const done = mine.blocks.some((one) => one.type === "tool_result" && one.tool_use_id === call);
  const use = mine.blocks.find((one) => one.type === "tool_use" && one.id === call);
  if (isFollowed(mine) && !done && use?.type === "tool_use") {
    import("./python.js").then(({ workFor }) => workFor(mine.runId, use, mine.link.signal));
  }
}

/**
 * @param {Block[]} blocks
 * @param {string} call
 * @param {"asks" | "page" | "runs"} stage
 * @param {{en: string, fr: string}} [title]
 * @returns {Block[]}
 */
function staged(blocks, call, stage, title) {
  return blocks.map((block) =>
    block.type === "tool_use" && block.id === call
      ? { ...block, stage, title: title ?? block.title }
      : block,
  );
}

/** @param {Followed} mine */
function draw(mine) {
  if (mine.timer) return;
  mine.timer = setTimeout(() => {
    mine.timer = 0;
    if (isFollowed(mine)) mine.hearer.written(mine.blocks);
  }, interval);
}

/**
 * @param {Block[]} blocks
 * @param {Block} piece
 * @returns {Block[]}
 */
function append(blocks, piece) {
  const last = blocks.at(-1);
  if (last?.type === "text" && piece.type === "text") {
    return [...blocks.slice(0, -1), { type: "text", text: last.text + piece.text }];
  }
  if (last?.type === "thinking" && piece.type === "thinking") {
    return [...blocks.slice(0, -1), { type: "thinking", thinking: last.thinking + piece.thinking }];
  }
  return [...blocks, piece];
}
