import { signal } from "@preact/signals";

/** Colouring of code. The colourer and each language are loaded when an answer first needs them. */

const LANGUAGES = new Set(
  ("bash c cpp csharp css diff dockerfile go ini java javascript json kotlin latex lua makefile " +
    "markdown php powershell python r ruby rust scss sql swift typescript xml yaml").split(" "),
);

/** @type {Record<string, string>} */
const OTHER_NAMES = {
  "c#": "csharp", "c++": "cpp", cc: "cpp", cjs: "javascript", console: "bash", cs: "csharp",
  docker: "dockerfile", golang: "go", h: "c", hpp: "cpp", htm: "xml", html: "xml",
  js: "javascript", jsonc: "json", jsx: "javascript", kt: "kotlin", make: "makefile",
  md: "markdown", mjs: "javascript", mysql: "sql", patch: "diff", postgresql: "sql",
  ps1: "powershell", py: "python", python3: "python", rb: "ruby", rs: "rust", sh: "bash",
  shell: "bash", svg: "xml", tex: "latex", toml: "ini", ts: "typescript", tsx: "typescript",
  vue: "xml", yml: "yaml", zsh: "bash",
};

/** Beyond this many characters code stays plain: colouring it would hold up the page. */
const LONGEST = 50_000;

/**
 * @typedef {object} Colourer
 * @property {(name: string) => object | undefined} getLanguage
 * @property {(name: string, grammar: object) => void} registerLanguage
 * @property {(text: string, options: {language: string, ignoreIllegals: boolean}) =>
 *   {value: string}} highlight
 */

/** @type {Colourer | null} */
let colourer = null;
const asked = new Set();

/** Goes up when a language has arrived and what is on screen can be coloured. */
export const arrivals = signal(0);

/**
 * Return code as HTML with its parts marked; `null` where the language is not known (yet).
 *
 * @param {string} text
 * @param {string} name the language, as the answer names it
 */
export function highlight(text, name) {
  const lower = name.toLowerCase();
  const language = OTHER_NAMES[lower] ?? lower;
  if (!LANGUAGES.has(language) || text.length > LONGEST) return null;
  if (!colourer?.getLanguage(language)) {
    load(language);
    return null;
  }
  return colourer.highlight(text, { language, ignoreIllegals: true }).value;
}

/** @param {string} language */
async function load(language) {
  if (asked.has(language)) return;
  asked.add(language);
  try {
    const [core, grammar] = await Promise.all([
      import("highlight.js"),
      import(`highlight.js/languages/${language}.js`),
    ]);
    colourer = core.default;
    core.default.registerLanguage(language, grammar.default);
    arrivals.value += 1;
  } catch {
    asked.delete(language); // offline: the next code block of this language tries again
  }
}
