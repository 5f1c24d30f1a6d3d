import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { Dialog } from "./dialog.js";

const apple = /mac|iphone|ipad/i.test(navigator.platform);

/** The keys of each command; the commands themselves are in `keys.js`. */
export const SHORTCUTS = /** @type {const} */ ([
  ["palette", ["mod", "K"]],
  ["search", ["/"]],
  ["help", ["?"]],
  ["new", ["alt", "shift", "N"]],
  ["previous", ["alt", "shift", "up"]],
  ["next", ["alt", "shift", "down"]],
  ["pin", ["alt", "shift", "P"]],
  ["rename", ["alt", "shift", "R"]],
  ["move", ["alt", "shift", "M"]],
  ["archive", ["alt", "shift", "A"]],
  ["project", ["alt", "shift", "J"]],
  ["share", ["alt", "shift", "S"]],
  ["delete", ["alt", "shift", "back"]],
  ["edit", ["up"]],
  ["again", ["alt", "shift", "G"]],
  ["goOn", ["alt", "shift", "C"]],
  ["earlier", ["alt", "shift", "left"]],
  ["later", ["alt", "shift", "right"]],
  ["close", ["esc"]],
]);

const SIGNS = {
  mod: apple ? "⌘" : "Ctrl", alt: apple ? "⌥" : "Alt", shift: apple ? "⇧" : "⇧",
  up: "↑", down: "↓", left: "←", right: "→", back: "⌫", esc: "Esc",
};

/**
 * The keys of a command, as they are written on the keyboard.
 * @param {string} command
 */
export function keysOf(command) {
  const keys = SHORTCUTS.find(([name]) => name === command)?.[1] ?? [];
  return keys.map((key) => SIGNS[/** @type {keyof typeof SIGNS} */ (key)] ?? key);
}

/** All keys and what they do. */
export function ShortcutsDialog() {
  const close = () => { overlay.value = ""; };
  return html`<${Dialog} kind="sheet narrow" label=${t("keys.title")} title=${t("keys.title")} onClose=${close}>
    <dl class="shortcuts">${SHORTCUTS.map(([name]) => html`<div key=${name}>
      <dt>${t(`keys.${name}`)}</dt>
      <dd>${keysOf(name).map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dd>
    </div>`)}</dl>
  <//>`;
}
