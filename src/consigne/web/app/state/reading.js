import { language, locale, t } from "../i18n.js";
import { plain } from "../markdown/plain.js";
import { languageOf } from "../spoken.js";
import { mayLeave, reading, stopReading, voices } from "./speech.js";
import { toast } from "./toasts.js";

/** Reading aloud by the browser's own voices. */

/** Browsers break off what takes longer than some fifteen seconds to say. */
const LONGEST_PIECE = 220;
const FENCED = /^(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1[^\S\n]*$/gm;

/**
 * Read an answer aloud, in the language that it is written in.
 * @param {string} id
 * @param {string} markdown
 */
export async function readAloud(id, markdown) {
  const spoken = plain(markdown.replace(FENCED, "")).replace(/\s?\[\d+\]/g, "");
  const wanted = languageOf(spoken) ?? language.peek();
  const voice = voiceFor(wanted);
  if (!voice) {
    const name = new Intl.DisplayNames(language.peek(), { type: "language" }).of(wanted) ?? wanted;
    return toast(t("speech.noVoice", { language: name }));
  }
  if (!voice.localService && !(await mayLeave("reading"))) return;
  stopReading();
  reading.value = id;
  const parts = pieces(spoken, voice.lang);
  parts.forEach((part, at) => {
    const said = Object.assign(new SpeechSynthesisUtterance(part), { voice, lang: voice.lang });
    said.onend = () => {
      if (at === parts.length - 1 && reading.peek() === id) reading.value = null;
    };
    said.onerror = ({ error }) => {
      if (["canceled", "interrupted"].includes(error) || reading.peek() !== id) return;
      stopReading();
      toast(t("speech.notRead"));
    };
    speechSynthesis.speak(said);
  });
  if (!parts.length) reading.value = null;
}

/**
 * The best voice for a language: one of this device rather than another, of the reader's country.
 * @param {string} wanted
 */
function voiceFor(wanted) {
  const worth = (/** @type {SpeechSynthesisVoice} */ voice) =>
    4 * Number(voice.localService) + 2 * Number(named(voice) === locale.peek()) + Number(voice.default);
  return voices.peek()
    .filter((voice) => named(voice).split("-")[0].toLowerCase() === wanted)
    .sort((one, other) => worth(other) - worth(one)).at(0);
}

/** @param {SpeechSynthesisVoice} voice */
function named(voice) {
  return voice.lang.replace("_", "-");
}

/**
 * Cut a text at the ends of its sentences, and long ones between words.
 * @param {string} text
 * @param {string} lang
 */
export function pieces(text, lang) {
  const sentences = new Intl.Segmenter(lang.replace("_", "-"), { granularity: "sentence" });
  const words = new Intl.Segmenter(lang.replace("_", "-"), { granularity: "word" });
  /** @type {string[]} */
  const found = [""];
  const add = (/** @type {string} */ part) => {
    const last = found.length - 1;
    if (found[last].length + part.length <= LONGEST_PIECE) found[last] += part;
    else found.push(part);
  };
  for (const { segment } of sentences.segment(text)) {
    if (segment.length <= LONGEST_PIECE) add(segment);
    else for (const word of words.segment(segment)) add(word.segment);
  }
  return found.map((part) => part.trim()).filter(Boolean);
}
