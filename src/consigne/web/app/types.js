/**
 * The shapes that `/api/` speaks.
 *
 * @typedef {{user: {id: string, name: string, email: string | null},
 *   organisation: {id: string, name: string}, role: string,
 *   copies_marked_by?: string | null}} Session
 *
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {string | null} model
 * @property {string | null} head_id the leaf of the branch being read
 * @property {string} created_at
 * @property {string} updated_at
 * @property {boolean} running
 * @property {boolean} pinned
 * @property {boolean} archived
 * @property {string | null} folder_id it may name a folder that is deleted
 * @property {string | null} [project_id] it may name one that is gone or not shared any more
 *
 * @typedef {{id: string, name: string, created_at: string}} Folder
 *
 * @typedef {object} Thread a stretch of one of a conversation's branches
 * @property {Conversation} conversation
 * @property {string | null} leaf_id where the branch ends
 * @property {Message[]} messages
 * @property {Record<string, string[]>} versions ids in each other's place, by their parent's
 * @property {boolean} earlier
 * @property {boolean} later
 * @property {Message | null} [beside] the second model's answer beside the leaf, until one is chosen
 *
 * @typedef {object} Hit a message that a search found
 * @property {string} message_id
 * @property {string} conversation_id
 * @property {string} title
 * @property {boolean} archived
 * @property {"user" | "assistant"} role
 * @property {string} created_at
 * @property {{text: string, hit: boolean}[]} snippet
 *
 * @typedef {{conversations: Conversation[], messages: Hit[], more: boolean}} Found
 *
 * @typedef {{type: "tool_use", id: string, name: string, input: Record<string, any>,
 *   stage?: "asks" | "page" | "runs", done?: number, total?: number,
 *   growing?: {width: number, height: number, url: string}, title?: {en: string, fr: string}}} ToolUse a tool's call;
 *   `stage` is where it stands while its run goes on
 * @typedef {{type: "tool_result", tool_use_id: string, is_error: boolean, content: (
 *   {type: "text", text: string} | {type: "image", media_type: string | null, data: string | null,
 *   url: string | null})[]}} ToolResult
 * @typedef {{type: "text", text: string} | {type: "thinking", thinking: string} | ToolUse |
 *   ToolResult} Block
 * @typedef {{number: number, title: string, url: string, passage: string}} Source
 *
 * @typedef {object} Tool one that a person may switch
 * @property {string} name
 * @property {{en: string, fr: string}} title
 * @property {string} group the server it comes from; empty for Consigne's own
 * @property {boolean} read_only
 * @property {boolean} on
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} parent_id
 * @property {"user" | "assistant"} role
 * @property {Block[]} content
 * @property {string | null} model
 * @property {"complete" | "running" | "stopped" | "failed" | "interrupted"} state
 * @property {string | null} stop_reason
 * @property {{code: string, message: string} | null} error
 * @property {{input_tokens: number, cached_input_tokens: number, output_tokens: number} | null} usage
 * @property {number} left_out how many of the oldest messages the model was not given
 * @property {string} created_at
 * @property {string | null} run_id
 * @property {Source[]} [sources] what the answer cites
 * @property {Attachment[]} [attachments]
 * @property {Citation[]} [citations]
 *
 * @typedef {{id: string, kind: "text" | "image", filename: string, media_type: string, size: number,
 *   excerpt: string}} Attachment
 *
 * @typedef {{number: number, document_id: string, filename: string, passage: number,
 *   page: number | null, section: string, text: string, cited?: boolean}} Citation a passage that
 *   an answer cites or, where `cited` is false, that its model was shown
 *
 * @typedef {object} Model
 * @property {string} id
 * @property {string} name
 * @property {"text" | "embedding" | "image"} modality
 * @property {string} where "here", or a provider and its region
 * @property {number} context
 * @property {boolean} starter
 * @property {{tools: boolean, images_in: boolean, thinking: boolean}} [capabilities]
 * @property {"idle" | "loading" | "ready"} state
 * @property {string[]} languages
 * @property {string} license
 * @property {number} size_bytes
 * @property {{tokens_per_s: number, measured: boolean} | null} [speed]
 * @property {{input: number, output: number} | null} [price] millionths of the currency, for a
 *   million tokens
 *
 * @typedef {object} Suggestion
 * @property {string} id
 * @property {string} name
 * @property {string} source
 * @property {number} size_bytes
 * @property {string} license
 * @property {string[]} languages
 * @property {number} parameters
 * @property {number} expected_tokens_per_s
 * @property {boolean} installed
 * @property {boolean} fits
 * @property {boolean} recommended
 * @property {{en: string, fr: string}} note
 *
 * @typedef {{as_of: string, machine: {memory_bytes: number, cores: number},
 *   suggestions: Suggestion[], images_as_of: string, images: ImageSuggestion[]}} Suggestions
 *
 * @typedef {{id: string, name: string, source: string, size_bytes: number, license: {en: string, fr: string},
 *   license_url: string, width: number, height: number, steps: number, note: {en: string, fr: string},
 *   fits: boolean, runs: boolean, installed: boolean}} ImageSuggestion
 *
 * @typedef {object} Pull
 * @property {string} id
 * @property {string} source
 * @property {string | null} model
 * @property {"running" | "done" | "failed" | "cancelled"} state
 * @property {string} phase "download", "verify", "convert" or "install"
 * @property {number} done_bytes
 * @property {number | null} total_bytes
 * @property {number | null} bytes_per_s
 * @property {number | null} seconds_left
 * @property {{code: string, message: string} | null} error
 */

export {};
