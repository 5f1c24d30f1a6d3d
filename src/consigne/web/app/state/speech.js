import { effect, signal } from "@preact/signals";

import { openId } from "../router.js";
import { storage } from "../storage.js";
import { outgoing } from "./thread.js";

/**
 * Dictation and reading aloud by the browser's own means: what of them goes on now, and whether
 * speech may leave this device, which is asked once for each of the two.
 *
 * @typedef {"dictation" | "reading"} Use
 */

const page = /** @type {any} */ (globalThis);

/** The browser's recognition, where it has one and the page may use the microphone. */
export const Recognition = page.isSecureContext
  && (page.SpeechRecognition ?? page.webkitSpeechRecognition);
export const canDictate = Boolean(Recognition);
/** What listens now, if anything does. */
export const listener = signal(/** @type {any} */ (null));
export const dictating = signal(false);

const synth = globalThis.speechSynthesis;
export const voices = signal(/** @type {SpeechSynthesisVoice[]} */ ([]));
/** The message that is being read aloud, by its id. */
export const reading = signal(/** @type {string | null} */ (null));

/** What is being asked, and who waits for the answer. */
export const asked = signal(/** @type {{use: Use, answer: (may: boolean) => void} | null} */ (null));

/** What was heard last is still written. */
export function stopDictating() {
  listener.peek()?.stop();
}

export function stopReading() {
  reading.value = null;
  synth?.cancel();
}

/**
 * @param {Use} use
 * @returns {Promise<boolean>}
 */
export function mayLeave(use) {
  if (storage.get(`speech.${use}`) === "yes") return Promise.resolve(true);
  asked.peek()?.answer(false);
  return new Promise((resolve) => {
    const answer = (/** @type {boolean} */ may) => {
      asked.value = null;
      if (may) storage.set(`speech.${use}`, "yes");
      resolve(may);
    };
    asked.value = { use, answer };
  });
}

if (synth) {
  const look = () => { voices.value = synth.getVoices(); };
  look();
  synth.addEventListener?.("voiceschanged", look);
  addEventListener("pagehide", stopReading);
}

// What is said belongs to the draft that was open, and what is read to the conversation.
let where = openId.peek();
effect(() => {
  const moved = openId.value !== where;
  where = openId.value;
  const sent = outgoing.value !== null;
  queueMicrotask(() => {
    if (moved && reading.peek()) stopReading();
    if (moved || sent) listener.peek()?.abort();
  });
});
