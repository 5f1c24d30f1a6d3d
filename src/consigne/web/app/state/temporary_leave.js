import { batch } from "@preact/signals";

import { t } from "../i18n.js";
import { go, openId } from "../router.js";
import { putAside, spoken } from "./temporary.js";
import { toast } from "./toasts.js";

/**
 * Take a temporary chat off the page; while something was said, there is a way back.
 * @param {() => void} back called when it has come back
 */
export function leaveTemporary(back) {
  const said = spoken.peek();
  const bringBack = putAside();
  if (!said) return;
  const run = () => {
    const wasOpen = openId.peek();
    if (wasOpen !== null) go(null);
    setTimeout(() => batch(() => {
      bringBack();
      back();
    }));
  };
  toast(t("temporary.left"), { label: t("list.undo"), run });
}
