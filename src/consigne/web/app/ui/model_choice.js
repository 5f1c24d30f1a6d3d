import { money, pace } from "../format.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { currency } from "../state/models.js";
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
      <${Facts} list=${abilities(model)} />
      <${Facts} list=${costs(model)} />
    </span>
    ${chosen && html`<${Icon} name="check" />`}
  <//>`;
}

/** @param {{list: (string | false | undefined)[]}} props */
function Facts({ list }) {
  const known = list.filter(Boolean);
  return known.length > 0 && html`<span class="muted small">${known.join(" · ")}</span>`;
}

/** What a model can do beside writing. @param {Model} model */
function abilities(model) {
  return [
    usesTools(model) && t("model.tools"),
    model.capabilities?.images_in && t("model.sees"),
    model.capabilities?.thinking && t("model.thinks"),
  ];
}

/** How fast it writes and what that costs, as far as it is known. @param {Model} model */
function costs({ speed, price }) {
  const [input, output] = [price?.input ?? 0, price?.output ?? 0].map((micros) => money(micros, currency.value));
  return [
    speed && pace(speed.measured ? "model.speed" : "model.speedLikely", speed.tokens_per_s),
    price && t("model.price", { input, output }),
  ];
}

/** Where a model runs. @param {Model} model */
export function place(model) {
  return model.where === "here" ? t("model.here") : model.where;
}
