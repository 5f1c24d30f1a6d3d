import { t } from "./i18n.js";
import { session } from "./state/session.js";

/** The mark of generated text on what is copied, where the operator wants it. */

const TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/**
 * Markdown with a front matter that says that a model wrote it.
 * @param {string} text
 * @param {string | null} [model] absent for what a person wrote
 */
export function asMarkdown(text, model) {
  const provider = session.value?.copies_marked_by;
  if (!provider || !model) return text;
  const about = [
    "ai_generated: true", `digital_source_type: ${TRAINED}`,
    `provider: ${JSON.stringify(provider)}`, `models: ${JSON.stringify([model])}`,
  ];
  return `---\n${about.join("\n")}\n---\n\n${text}`;
}

/**
 * Plain text with a last line that says so.
 * @param {string} text
 * @param {string | null} [model]
 */
export function asPlain(text, model) {
  const provider = session.value?.copies_marked_by;
  return provider && model ? `${text.trimEnd()}\n\n${t("message.generated", { model, provider })}\n` : text;
}
