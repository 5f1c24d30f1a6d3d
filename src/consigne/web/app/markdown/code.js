import { t } from "../i18n.js";
import { copyText, saveFile } from "../platform.js";
import { python } from "../state/interpreter.js";
import { act } from "./code_actions.js";

/** What stands around code: its language, copying, keeping it as a file, folding. */

const COPIED_MS = 2_000;
/** Longer code is folded once it is whole. */
const FOLDED_LINES = 60;

/** @type {Record<string, string>} */
const ENDINGS = {
  bash: "sh", c: "c", console: "sh", cpp: "cpp", "c++": "cpp", csharp: "cs", cs: "cs", css: "css",
  csv: "csv", diff: "diff", dockerfile: "Dockerfile", go: "go", html: "html", ini: "ini", java: "java",
  javascript: "js", js: "js", json: "json", jsx: "jsx", kotlin: "kt", latex: "tex", lua: "lua",
  makefile: "Makefile", markdown: "md", md: "md", mermaid: "mmd", php: "php", powershell: "ps1",
  py: "py", python: "py", r: "r", rb: "rb", ruby: "rb", rust: "rs", rs: "rs", scss: "scss", sh: "sh",
  shell: "sh", sql: "sql", svg: "svg", swift: "swift", tex: "tex", toml: "toml", ts: "ts", tsx: "tsx",
  typescript: "ts", xml: "xml", yaml: "yaml", yml: "yaml",
};

/** @param {Element} block */
export function caption(block) {
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const label = document.createElement("span");
  label.textContent = block.getAttribute("data-language") || t("code.plain");
  bar.append(label, ...doors(block), button("save-code", t("code.download")), button("copy-code", t("code.copy")));
  return bar;
}

/** What can be done with code beside keeping it: see it drawn, or run it. @param {Element} block */
function doors(block) {
  const language = (block.getAttribute("data-language") ?? "").toLowerCase();
  if (language === "html" || language === "svg") return [button("open-code", t("code.open"))];
  const runs = python.value && /^(?:python|py)3?$/.test(language);
  return runs ? [button("run-code", t("code.run"))] : [];
}

/**
 * @param {string} name
 * @param {string} words
 */
export function button(name, words) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.textContent = words;
  return made;
}

/**
 * The name of the file that code is kept in.
 * @param {string} language as the answer names it
 */
export function fileName(language) {
  const ending = ENDINGS[language.toLowerCase()] ?? "txt";
  return /^[A-Z]/.test(ending) ? ending : `code.${ending}`;
}

/**
 * Fold what is long, with a button that shows all of it.
 * @param {Element} element
 */
export function foldLong(element) {
  for (const block of element.querySelectorAll(".code:not(.foldable)")) {
    const lines = (block.querySelector("code")?.textContent ?? "").split("\n").length - 1;
    if (lines <= FOLDED_LINES) continue;
    block.classList.add("foldable", "folded");
    const toggle = button("unfold-code", t("code.unfold", { count: lines }));
    toggle.setAttribute("aria-expanded", "false");
    block.append(toggle);
  }
}

/**
 * What the buttons of code do; one listener serves a whole answer.
 * @param {MouseEvent} event
 */
export function onCodeClick(event) {
  const pressed = /** @type {Element} */ (event.target).closest(".code button");
  const block = pressed?.closest(".code");
  if (!pressed || !block) return;
  const text = block.querySelector("code")?.textContent ?? "";
  if (pressed.matches(".open-code, .run-code")) act(pressed, block, text);
  else if (pressed.classList.contains("copy-code")) copy(pressed, text);
  else if (pressed.classList.contains("save-code")) {
    saveFile(fileName(block.getAttribute("data-language") ?? ""), new Blob([text], { type: "text/plain" }));
  } else if (pressed.classList.contains("unfold-code")) {
    const folded = block.classList.toggle("folded");
    const count = text.split("\n").length - 1;
    pressed.textContent = folded ? t("code.unfold", { count }) : t("code.fold");
    pressed.setAttribute("aria-expanded", String(!folded));
    if (folded) block.scrollIntoView({ block: "nearest" });
  } else if (pressed.classList.contains("show-source")) {
    const source = block.classList.toggle("with-source");
    pressed.textContent = t(source ? "diagram.hide" : "diagram.source");
    pressed.setAttribute("aria-expanded", String(source));
  }
}

/**
 * @param {Element} pressed
 * @param {string} text
 */
async function copy(pressed, text) {
  if (!(await copyText(text))) return;
  pressed.textContent = t("code.copied");
  setTimeout(() => {
    pressed.textContent = t("code.copy");
  }, COPIED_MS);
}
