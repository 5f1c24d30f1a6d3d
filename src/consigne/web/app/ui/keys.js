import { moving } from "../state/conversations.js";
import { drawer, overlay } from "../state/look.js";
import { edited, leaving } from "../state/projects.js";
import { sharing } from "../state/shares.js";
import { session } from "../state/session.js";
import { COMMANDS } from "./commands.js";

/** Commands under Alt and Shift, by the key's place: what it types there differs by system. */
const WITH_ALT_SHIFT = /** @type {Record<string, string>} */ ({
  KeyN: "new", KeyP: "pin", KeyR: "rename", KeyM: "move", KeyA: "archive", Backspace: "delete",
  KeyG: "again", KeyC: "goOn", ArrowUp: "previous", ArrowDown: "next", ArrowLeft: "earlier",
  ArrowRight: "later", KeyJ: "project", KeyS: "share",
});

/** The keyboard's ways that hold everywhere on the page. */
export function watchKeys() {
  document.addEventListener("keydown", (event) => {
    if (!session.peek() || event.defaultPrevented) return;
    const covered = overlay.peek() !== ""
      || [moving, edited, leaving, sharing].some((dialog) => dialog.peek() !== null);
    const command = commandOf(event, covered);
    if (command) {
      event.preventDefault();
      command();
    } else if (event.key === "Escape" && drawer.peek()) {
      drawer.value = false;
    } else if (!covered && begins(event)) {
      document.getElementById("composer")?.focus(); // and the letter stands in it
    }
  });
}

/** Whether a key begins a text that nothing else takes. @param {KeyboardEvent} event */
function begins(event) {
  return event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey
    && !writing(event.target) && !document.querySelector("dialog[open], .menu-panel");
}

/**
 * @param {KeyboardEvent} event
 * @param {boolean} covered whether a dialog covers the page
 */
function commandOf(event, covered) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    return () => { overlay.value = overlay.peek() === "palette" ? "" : "palette"; };
  }
  if (covered || event.ctrlKey || event.metaKey) return undefined;
  if (event.altKey && event.shiftKey) return COMMANDS[WITH_ALT_SHIFT[event.code]];
  if (event.altKey || writing(event.target)) return undefined;
  return { "/": COMMANDS.search, "?": COMMANDS.help }[event.key];
}

/** @param {EventTarget | null} target */
function writing(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}
