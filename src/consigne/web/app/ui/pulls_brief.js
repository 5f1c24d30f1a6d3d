import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { runningPulls, suggestions } from "../state/models.js";

/** @typedef {import("../types.js").Pull} Pull */

/** One line for each model that is being installed; opens the list of them. */
export function PullsBrief() {
  if (!runningPulls.value.length) return null;
  return html`<div class="pulls-brief">
    ${runningPulls.value.map((pull) => html`<button type="button" class="quiet" key=${pull.id}
      onClick=${() => { overlay.value = "models"; }}>
      <span>${t("pull.brief", { name: pullName(pull), percent: percent(pull) })}</span>
      <progress max="100" value=${percent(pull)} aria-hidden="true"></progress>
    </button>`)}
  </div>`;
}

/** @param {Pull} pull */
export function pullName(pull) {
  const all = [...(suggestions.value?.suggestions ?? []), ...(suggestions.value?.images ?? [])];
  const found = all.find((known) => known.source === pull.source);
  return found?.name ?? pull.source.replace(/^.*\//, "");
}

/** @param {Pull} pull */
function percent(pull) {
  return pull.total_bytes ? Math.floor((100 * pull.done_bytes) / pull.total_bytes) : 0;
}
