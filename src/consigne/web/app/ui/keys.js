import { drawer, overlay } from "../state/look.js";
import { session } from "../state/session.js";

/** The keyboard's ways that hold everywhere on the page. */
export function watchKeys() {
  document.addEventListener("keydown", (event) => {
    if (!session.peek() || event.defaultPrevented) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      overlay.value = overlay.peek() === "palette" ? "" : "palette";
    } else if (event.key === "/" && !overlay.peek() && !writing(event.target)) {
      event.preventDefault();
      focusSearch();
    } else if (event.key === "Escape" && drawer.peek()) {
      drawer.value = false;
    }
  });
}

/** Put the cursor into the search of conversations. */
export function focusSearch() {
  drawer.value = true;
  const field = document.getElementById("search");
  field?.focus();
  // Where the list is a drawer, its field can take the focus once the drawer shows.
  if (document.activeElement !== field) requestAnimationFrame(() => field?.focus());
}

/** @param {EventTarget | null} target */
function writing(target) {
  return target instanceof Element && target.closest("input, textarea, [contenteditable]") !== null;
}
