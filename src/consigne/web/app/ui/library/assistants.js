import { useSignal } from "@preact/signals";

import { html } from "../../html.js";
import { t } from "../../i18n.js";
import { copyText } from "../../platform.js";
import { assistants } from "../../state/library.js";
import { overlay } from "../../state/look.js";
import { models } from "../../state/models.js";
import { chooseModel } from "../../state/turns.js";
import { toast } from "../../state/toasts.js";
import { Badge } from "../badge.js";
import { Check, SelectField, TextField } from "../fields.js";
import { Form, Listing } from "./list.js";
import { KnowledgeChoice, ToolsChoice } from "./reach.js";

/** @typedef {import("../../state/library.js").Assistant} Assistant */

const COLOURS = ["teal", "blue", "violet", "rose", "amber", "green", "grey"];
const MOST_STARTERS = 4;

export function AssistantsPanel() {
  return html`<${Listing} from=${assistants} form=${AssistantForm} line=${line}
    lead=${t("assistant.lead")} none=${t("assistant.none")} make=${t("assistant.new")} />`;
}

/** @param {Assistant} item */
function line(item) {
  const use = () => {
    overlay.value = "";
    chooseModel(item.id);
    document.getElementById("composer")?.focus();
  };
  const copy = async () => {
    if (await copyText(item.id)) toast(t("assistant.copied", { id: item.id }));
  };
  return html`<${Badge} item=${item} />
    <div class="thing-text"><strong dir="auto">${item.name}</strong>
      ${item.shared && html` <span class="tag">${t("library.shared")}</span>`}
      <span class="muted small" dir="auto">${item.description}</span></div>
    ${item.shared && html`<button type="button" class="quiet small" onClick=${copy}
      title=${item.id}>${t("assistant.copyId")}</button>`}
    <button type="button" class="plain" aria-label=${t("assistant.useLabel", { name: item.name })}
      onClick=${use}>${t("assistant.use")}</button>`;
}

/** @param {{item: Assistant | null, onDone: () => void}} props */
function AssistantForm({ item, onDone }) {
  const blank = { temperature: null, top_p: null, max_tokens: null };
  const form = useSignal({
    name: item?.name ?? "", description: item?.description ?? "",
    instructions: item?.instructions ?? "", model: item?.model ?? "",
    colour: item?.colour ?? "teal", letter: item?.letter ?? "", shared: item?.shared ?? false,
    starters: (item?.starters ?? []).join("\n"), settings: item?.settings ?? blank,
    tools: item?.tools ?? [], knowledge: item?.knowledge ?? [],
  });
  const set = (/** @type {string} */ name) => (/** @type {unknown} */ value) => {
    form.value = { ...form.value, [name]: value };
  };
  const setting = (/** @type {"temperature" | "max_tokens"} */ name) => (/** @type {string} */ value) => {
    const number = value.trim() === "" ? null : Number(value.replace(",", "."));
    set("settings")({ ...form.value.settings, [name]: number });
  };
  const save = () => {
    const starters = form.value.starters.split("\n").filter((said) => said.trim()).slice(0, MOST_STARTERS);
    return assistants.save(item?.id ?? null, { ...form.value, starters }, "PUT");
  };
  const own = (models.value ?? []).filter((model) => model.modality === "text");
  const { settings } = form.value;
  return html`<${Form} title=${t(item ? "assistant.edit" : "assistant.new")} save=${save} onDone=${onDone}>
    <${TextField} label=${t("library.name")} required most=${60} value=${form.value.name} onInput=${set("name")} />
    <${TextField} label=${t("assistant.description")} most=${300} value=${form.value.description}
      onInput=${set("description")} />
    <${TextField} label=${t("assistant.instructions")} note=${t("assistant.instructionsNote")} rows=${6}
      most=${8000} value=${form.value.instructions} onInput=${set("instructions")} />
    <${SelectField} label=${t("assistant.model")} value=${form.value.model} onInput=${set("model")}
      choices=${[["", t("assistant.defaultModel")], ...own.map((model) => [model.id, model.name])]} />
    <${TextField} label=${t("assistant.starters")} note=${t("assistant.startersNote")} rows=${3}
      value=${form.value.starters} onInput=${set("starters")} />
    <${ToolsChoice} chosen=${form.value.tools} onChange=${set("tools")} />
    <${KnowledgeChoice} chosen=${form.value.knowledge} shared=${form.value.shared}
      onChange=${set("knowledge")} />
    <div class="fields-row">
      <${TextField} label=${t("assistant.letter")} most=${1} value=${form.value.letter} onInput=${set("letter")} />
      <${SelectField} label=${t("assistant.colour")} value=${form.value.colour} onInput=${set("colour")}
        choices=${COLOURS.map((name) => [name, t(`assistant.colour.${name}`)])} />
      <${TextField} label=${t("assistant.temperature")} value=${settings.temperature ?? ""}
        onInput=${setting("temperature")} />
      <${TextField} label=${t("assistant.maxTokens")} value=${settings.max_tokens ?? ""}
        onInput=${setting("max_tokens")} />
    </div>
    <${Check} label=${t("assistant.share")} on=${form.value.shared} onChange=${set("shared")} />
  <//>`;
}
