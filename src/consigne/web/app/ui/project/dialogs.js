import { useSignal } from "@preact/signals";

import { html } from "../../html.js";
import { t } from "../../i18n.js";
import { loadList } from "../../state/conversations.js";
import { edited, leaving, removeProject, saveProject } from "../../state/projects.js";
import { Dialog } from "../dialog.js";
import { Check, TextField } from "../fields.js";
import { Form } from "../library/list.js";

/** Makes a project, or changes one. */
export function EditDialog() {
  const item = edited.value === "new" || !edited.value ? null : edited.value;
  const form = useSignal({
    name: item?.name ?? "", description: item?.description ?? "",
    instructions: item?.instructions ?? "", shared: item?.shared ?? false,
  });
  const set = (/** @type {string} */ name) => (/** @type {unknown} */ value) => {
    form.value = { ...form.value, [name]: value };
  };
  const close = () => { edited.value = null; };
  const title = t(item ? "project.edit" : "project.new");
  return html`<${Dialog} kind="sheet" label=${title} title=${title} onClose=${close}>
    <${Form} save=${() => saveProject(item?.id ?? null, form.value)} onDone=${close}>
      <${TextField} label=${t("library.name")} first required most=${80} value=${form.value.name}
        onInput=${set("name")} />
      <${TextField} label=${t("assistant.description")} most=${300} value=${form.value.description}
        onInput=${set("description")} />
      <${TextField} label=${t("project.instructions")} note=${t("project.instructionsNote")} rows=${8}
        most=${8000} value=${form.value.instructions} onInput=${set("instructions")} />
      <${Check} label=${t("project.share")} on=${form.value.shared} onChange=${set("shared")} />
    <//>
  <//>`;
}

/** Asks what is to become of a project's conversations. @param {{found: import("../../state/projects.js").Opened}} props */
export function RemoveDialog({ found }) {
  const fate = useSignal("keep");
  const { project, conversations: count } = found;
  const close = () => { leaving.value = null; };
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    close();
    removeProject(project, fate.value === "delete", loadList);
  };
  const title = t("project.deleteTitle", { name: project.name });
  return html`<${Dialog} kind="sheet narrow" label=${title} title=${title} onClose=${close}>
    <form class="fields" onSubmit=${onSubmit}>
      <p>${t("project.deleteLead")}</p>
      ${count > 0 && html`<fieldset class="choices"><legend>${t("project.fate", { count })}</legend>
        ${["keep", "delete"].map((name) => html`<label class="check" key=${name}>
          <input type="radio" name="fate" checked=${fate.value === name}
            onChange=${() => { fate.value = name; }} /><span>${t(`project.fate.${name}`)}</span></label>`)}
      </fieldset>`}
      ${project.shared && html`<p class="muted small">${t("project.deleteShared")}</p>`}
      <div class="buttons"><button type="button" class="plain" onClick=${close}>${t("message.cancel")}</button>
        <button type="submit" class="primary">${t("project.delete")}</button></div>
    </form>
  <//>`;
}
