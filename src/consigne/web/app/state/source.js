import { signal } from "@preact/signals";

/**
 * The file that is open beside the conversation, at one of its passages.
 *
 * @typedef {import("../types.js").Citation} Citation
 * @typedef {import("../types.js").Attachment} Attachment
 */
export const openSource = signal(
  /** @type {{citation?: Citation, file?: Attachment} | null} */ (null),
);
