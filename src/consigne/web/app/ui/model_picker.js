import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { loadModels, modelFor, models, writers } from "../state/models.js";
import { conversation } from "../state/thread.js";
import { chooseModel } from "../state/turns.js";
import { usesTools } from "../state/tools.js";
import { assistantOf } from "../state/library.js";
import { Badge } from "./badge.js";
import { SecondChoices } from "./compare.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** @typedef {import("../types.js").Model} Model */

/**
 * The name of the model that answers next; opens the choice of them. The button is one and the
 * same before the models are known, so that an early click is not lost.
 */
export function ModelPicker() {
  const known = models.value !== null;
  const current = modelFor(conversation.value?.model);
  const button = html`<span class="unseen">${t("model.choose")}</span>
    <span class="model-name">${known ? current?.name ?? t("model.none") : html`<span class="bone"></span>`}</span>
    ${current && html`<span class="model-where">${place(current)}</span>`}
    <${Icon} name="down" />`;
  return html`<${Menu} worded button=${button} label=${t("model.choose")}
    buttonClass="quiet model-button" side="up" onOpen=${loadModels}>
    ${!known && html`<span class="bone"></span>`}
    ${writers.value.map((model) => html`<${Choice} key=${model.id} model=${model}
      chosen=${model.id === current?.id} onChoose=${() => chooseModel(model.id)} />`)}
    <${SecondChoices} />
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

/** @param {Model} model */
function place(model) {
  return model.where === "here" ? t("model.here") : model.where;
}
