import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { loadModels, modelFor, models, writers } from "../state/models.js";
import { chooseModel, conversation } from "../state/thread.js";
import { assistantOf } from "../state/library.js";
import { Badge } from "./badge.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** @typedef {import("../types.js").Model} Model */

/** The name of the model that answers next; opens the choice of them. */
export function ModelPicker() {
  if (models.value === null) return html`<span class="model-button waiting"></span>`;
  const current = modelFor(conversation.value?.model);
  const name = current?.name ?? t("model.none");
  const button = html`<span class="unseen">${t("model.choose")}</span>
    <span class="model-name">${name}</span>
    ${current && html`<span class="model-where">${place(current)}</span>`}
    <${Icon} name="down" />`;
  return html`<${Menu} worded button=${button} label=${t("model.choose")}
    buttonClass="quiet model-button" side="up" onOpen=${loadModels}>
    ${writers.value.map((model) => html`<${Choice} key=${model.id} model=${model}
      chosen=${model.id === current?.id} onChoose=${() => chooseModel(model.id)} />`)}
    <hr />
    <${MenuItem} onSelect=${() => { overlay.value = "models"; }}>
      <span class="menu-text">${t("model.more")}</span>
    <//>
  <//>`;
}

/** One of several models. @param {{model: Model, chosen: boolean, onChoose: () => void}} props */
export function Choice({ model, chosen, onChoose }) {
  const assistant = assistantOf(model.id);
  return html`<${MenuItem} checked=${chosen} onSelect=${onChoose}>
    ${assistant && html`<${Badge} item=${assistant} />`}
    <span class="menu-text">
      <span>${model.name} ${model.starter && html`<span class="tag">${t("model.starter")}</span>`}</span>
      <span class="muted small"><span class="dot ${model.state}"></span>
        ${t(`model.state.${model.state}`)} · ${place(model)}</span>
    </span>
    ${chosen && html`<${Icon} name="check" />`}
  <//>`;
}

/** @param {Model} model */
function place(model) {
  return model.where === "here" ? t("model.here") : model.where;
}
