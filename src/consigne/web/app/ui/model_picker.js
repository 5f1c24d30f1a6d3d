import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { loadModels, modelFor, models, writers } from "../state/models.js";
import { conversation } from "../state/thread.js";
import { chooseModel } from "../state/turns.js";
import { SecondChoices } from "./compare.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";
import { Choice, place } from "./model_choice.js";

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
