import { signal } from "@preact/signals";

import { request } from "../api.js";
import { explain } from "../i18n.js";
import { openId } from "../router.js";
import { turns } from "./freshness.js";
import { toast } from "./toasts.js";

/**
 * What stands beside the conversation.
 *
 * @typedef {{id: string, conversation_id: string, title: string, number: number, versions: number,
 *   kind: "html" | "svg" | "code" | "document", language: string, content: string}} Artifact
 */

export const artifact = signal(/** @type {Artifact | null} */ (null));
const turn = turns();

/**
 * Open an artifact beside the conversation, at its latest version if none is named.
 * @param {string} id
 * @param {number} [version]
 */
export async function openArtifact(id, version) {
  const which = version ? `?version=${version}` : "";
  await showBeside(() => request("GET", `/api/artifacts/${id}${which}`));
}

/** Show what is answered, unless the reader has gone on. @param {() => Promise<Artifact>} ask */
async function showBeside(ask) {
  const where = openId.peek();
  const mine = turn();
  const still = () => mine() && openId.peek() === where;
  try {
    const found = await ask();
    if (still()) artifact.value = found;
  } catch (error) {
    if (still()) toast(explain(/** @type {Error} */ (error)));
  }
}

/**
 * The id of the artifact that a tool made or changed, if it did.
 * @param {import("../types.js").ToolResult} result
 */
export function madeBy(result) {
  if (result.is_error) return undefined;
  const texts = result.content.map((block) => (block.type === "text" ? block.text : ""));
  return /\bid: (art_\w+)/.exec(texts.join("\n"))?.[1];
}

/**
 * The files that a tool made and the reader can keep.
 * @param {import("../types.js").ToolResult} result
 */
export function filesOf(result) {
  return result.content.flatMap((block) => {
    const found = block.type === "text" && /^File (.+) \((\d+) bytes\) is kept.* id: (made_\w+)$/.exec(block.text);
    return found ? [{ name: found[1], bytes: Number(found[2]), address: `/api/made-files/${found[3]}` }] : [];
  });
}

/**
 * Open what a tool has just made, where there is room for it beside the conversation.
 * @param {import("../types.js").ToolResult} result
 */
export function openMade(result) {
  const id = madeBy(result);
  if (id && matchMedia("(min-width: 1024px)").matches) openArtifact(id);
}

export function closeArtifact() {
  turn();
  artifact.value = null;
}

/**
 * Put a block of an answer beside the conversation.
 * @param {string} conversationId
 * @param {"html" | "svg"} kind
 * @param {string} title
 * @param {string} content
 */
export async function openBeside(conversationId, kind, title, content) {
  const path = `/api/conversations/${conversationId}/artifacts`;
  await showBeside(() => request("POST", path, { title, kind, content }));
}
