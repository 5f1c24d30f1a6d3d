import { locale, t } from "../i18n.js";
import { openId } from "../router.js";
import { draft, keepDraft } from "./drafts.js";
import { dictating, listener, mayLeave, Recognition } from "./speech.js";
import { toast } from "./toasts.js";

/** Dictation by the browser's own recognition; this service hears nothing of it. */

/** Begin to write what is said at the end of the draft. */
export async function dictate() {
  const here = await isLocal();
  if (!here && !(await mayLeave("dictation"))) return;
  const where = openId.peek();
  let before = draft(where);
  let written = before;
  let from = 0;
  listener.peek()?.abort();
  const heard = new Recognition();
  listener.value = heard;
  Object.assign(heard, { lang: locale.peek(), continuous: true, interimResults: true });
  if (here) heard.processLocally = true;
  heard.onresult = (/** @type {any} */ event) => {
    if (listener.peek() !== heard) return;
    if (draft(where) !== written) {
      // Something was typed meanwhile: what is said now goes after that.
      before = draft(where);
      from = event.resultIndex;
    }
    const said = [...event.results].slice(from).map((result) => result[0].transcript).join("");
    written = joined(before, said);
    keepDraft(where, written);
  };
  heard.onerror = (/** @type {any} */ event) => {
    if (!["aborted", "no-speech"].includes(event.error)) toast(reason(event.error));
  };
  heard.onend = () => {
    if (listener.peek() === heard) over();
  };
  try {
    heard.start();
    dictating.value = true;
  } catch {
    over();
    toast(reason("audio-capture"));
  }
}

function over() {
  listener.value = null;
  dictating.value = false;
}

/** Whether the browser recognises the page's language on this device. */
async function isLocal() {
  const wanted = { langs: [locale.peek()], processLocally: true };
  const found = await Recognition.available?.(wanted).catch(() => "");
  return found === "available";
}

/**
 * @param {string} before
 * @param {string} said
 */
function joined(before, said) {
  return before && !/\s$/.test(before) ? `${before} ${said.trimStart()}` : before + said.trimStart();
}

/** @param {string} code the browser's */
function reason(code) {
  if (["not-allowed", "service-not-allowed"].includes(code)) return t("speech.notAllowed");
  if (code === "audio-capture") return t("speech.noMicrophone");
  if (code === "language-not-supported") return t("speech.noLanguage");
  return t("speech.failed");
}
