import { html } from "../html.js";
import { t } from "../i18n.js";
import { usesTools } from "../state/tools.js";
import { assistantOf } from "../state/library.js";
import { Badge } from "./badge.js";
import { Icon } from "./icons.js";
import { MenuItem } from "./menu.js";

/** @typedef {import("../types.js").Model} Model */

/** One of several models. @param {{model: Model, chosen: boolean, onChoose: () => void}} props */
export function Choice({ model, chosen, onChoose }) {
  const assistant = assistantOf(model.id);
  return html`<${MenuItem} checked=${chosen} onSelect=${onChoose}>
    ${assistant && html`<${Badge} item=${assistant} />`}
    <span class="menu-text">
      <span>${model.name} ${model.starter && html`<span class="tag">${t("model.starter")}</span>`}</span>
      <span class="muted small"><span class="dot ${model.state}"></span>
        ${t(`model.state.${model.state}`)} · ${place(model)}</span>
      <${Abilities} model=${model} />
    </span>
    ${chosen && html`<${Icon} name="check" />`}
  <//>`;
}

/** What a model can do beside writing. @param {{model: Model}} props */
function Abilities({ model }) {
  const known = [
    usesTools(model) && t("model.tools"),
    model.capabilities?.images_in && t("model.sees"),
    model.capabilities?.thinking && t("model.thinks"),
  ].filter(Boolean);
  if (!known.length) return null;
  return html`<span class="muted small">${known.join(" · ")}</span>`;
}

/** Where a model runs. @param {Model} model */
export function place(model) {
  return model.where === "here" ? t("model.here") : model.where;
}
