// @ts-check
// The page /verify: sends a picture to the service and says what it found out.

import { en } from "../i18n/verify.en.js";
import { fr } from "../i18n/verify.fr.js";

const words = document.documentElement.lang === "fr" ? fr : en;

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(id);
  return found;
}

/** @type {Record<number, string>} */
const REFUSED = { 400: words.unreadable, 413: words.tooLarge };

document.title = `${words.title} · Consigne`;
for (const name of /** @type {const} */ (["title", "intro", "choose", "note"])) {
  element(name).textContent = words[name];
}

const input = /** @type {HTMLInputElement} */ (element("file"));
const preview = /** @type {HTMLImageElement} */ (element("preview"));
const drop = element("drop");

input.addEventListener("change", () => {
  if (input.files?.[0]) check(input.files[0]);
});
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const file = event.dataTransfer?.files[0];
  if (file) check(file);
});

/** @param {File} file */
async function check(file) {
  show(words.checking, "", []);
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.hidden = false;
  const form = new FormData();
  form.append("file", file);
  try {
    const answer = await fetch("/api/verify", { method: "POST", body: form });
    const body = await answer.json();
    if (answer.ok) tell(body);
    else show(words.failed, REFUSED[answer.status] ?? words.unreachable, []);
  } catch {
    show(words.failed, words.unreachable, []);
  }
}

/** @param {Record<string, any>} found */
function tell(found) {
  /** @type {[string, string][]} */
  const facts = [
    [words.signer, signer(found)],
    [words.program, found.generator],
    [words.model, found.model],
    [words.made, found.made_at && new Date(found.made_at).toLocaleString(words.locale)],
    [words.mark, found.marked ? words.marked : words.unmarked],
    [words.changes, found.changes.join("; ")],
    [words.problems, found.problems.join(", ")],
  ];
  const verdict = /** @type {keyof typeof words.verdicts} */ (found.verdict);
  show(words.verdicts[verdict], words.meanings[verdict], facts);
}

/** @param {Record<string, any>} found */
function signer(found) {
  if (!found.signer || found.ours === null) return found.signer;
  return `${found.signer} (${found.ours ? words.ours : words.others})`;
}

/**
 * @param {string} title
 * @param {string} text
 * @param {[string, string][]} facts
 */
function show(title, text, facts) {
  element("verdict").textContent = title;
  element("meaning").textContent = text;
  const list = element("facts");
  list.replaceChildren();
  for (const [name, value] of facts) {
    if (!value) continue;
    const term = document.createElement("dt");
    term.textContent = name;
    const detail = document.createElement("dd");
    detail.textContent = value;
    list.append(term, detail);
  }
  element("result").hidden = false;
}
