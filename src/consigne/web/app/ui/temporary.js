import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { go, openId, openProject } from "../router.js";
import { head } from "../state/branch.js";
import { loadList } from "../state/conversations.js";
import { modelFor } from "../state/models.js";
import { isHere, keep, setTemporary, spoken, temporary } from "../state/temporary.js";
import { running } from "../state/thread.js";
import { toast } from "../state/toasts.js";
import { Icon } from "./icons.js";

/** Makes the chat that is about to begin a temporary one. */
export function TemporarySwitch() {
  if (openId.value !== null || openProject.value || spoken.value) return null;
  const label = t("temporary.begin");
  return html`<button type="button" class="quiet square temporary-switch" aria-pressed=${temporary.value}
    aria-label=${label} title=${label} onClick=${() => setTemporary(!temporary.peek())}>
    <${Icon} name="temporary" /></button>`;
}

/** Says that nothing is stored, and stores it when asked. */
export function TemporaryNotice() {
  if (!temporary.value) return null;
  const keepIt = async () => {
    try {
      const leaf = head.peek() ?? "";
      const id = await keep(leaf, modelFor(null)?.id);
      if (isHere(leaf)) {
        setTemporary(false);
        go(id);
      }
      loadList();
    } catch (error) {
      toast(explain(/** @type {Error} */ (error)));
    }
  };
  return html`<div class="temporary-notice" role="status"><${Icon} name="temporary" />
    <span>${t("temporary.notice")}</span>
    ${spoken.value && html`<button type="button" class="plain" disabled=${running.value !== undefined}
      onClick=${keepIt}>${t("temporary.keep")}</button>`}
  </div>`;
}
