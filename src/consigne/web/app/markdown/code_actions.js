import { size } from "../format.js";
import { t } from "../i18n.js";
import { openId } from "../router.js";
import { openBeside } from "../state/artifact.js";

/**
 * Do what a button of a code block is for: open it beside the conversation, or run it.
 * @param {Element} button
 * @param {Element} block
 * @param {string} code
 */
export async function act(button, block, code) {
  if (button.matches(".open-code")) {
    const kind = block.getAttribute("data-language")?.toLowerCase() === "svg" ? "svg" : "html";
    const title = /<title[^>]*>([^<]+)/i.exec(code)?.[1]?.trim() || t(`artifact.${kind}`);
    if (openId.peek()) await openBeside(openId.peek() ?? "", kind, title.slice(0, 200), code);
    return;
  }
  if (running.has(button)) return running.get(button)?.abort();
  const control = new AbortController();
  running.set(button, control);
  button.textContent = t("code.stop");
  const shown = outputOf(block);
  shown.textContent = t("code.starting");
  const { runPython } = await import("../state/python.js");
  const result = await runPython(code, control.signal, (text) => { shown.textContent = text; });
  shown.textContent = result.text || t("code.nothing");
  for (const file of result.files) shown.append(...link(file));
  running.delete(button);
  button.textContent = t("code.run");
}

/** @type {WeakMap<Element, AbortController>} */
const running = new WeakMap();

/** @param {Element} block */
function outputOf(block) {
  const present = block.querySelector(".code-output");
  if (present) return present;
  const made = document.createElement("output");
  made.className = "code-output";
  block.append(made);
  return made;
}

/** @param {import("../state/python.js").MadeFile} file */
function link(file) {
  const address = URL.createObjectURL(new Blob([file.bytes], { type: file.media_type }));
  const made = document.createElement("a");
  made.href = address;
  made.download = file.name.split("/").pop() ?? file.name;
  made.textContent = `${file.name} (${size(file.bytes.length)})`;
  if (!file.media_type.startsWith("image/")) return [made];
  const picture = document.createElement("img");
  picture.src = address;
  picture.alt = file.name;
  return [picture, made];
}
