import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { change, conversationOf, moving } from "../state/conversations.js";
import { createFolder, folders } from "../state/folders.js";
import { projectOf, projects } from "../state/projects.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/** Asks for the folder or the project that a conversation is to be in. */
export function MoveDialog() {
  const name = useSignal("");
  const item = moving.value && (conversationOf(moving.value.id) ?? moving.value);
  if (!item) return null;
  const close = () => { moving.value = null; };
  const put = (/** @type {string | null} */ folder) => {
    close();
    change(item, { folder_id: folder, project_id: null });
  };
  const putInProject = (/** @type {string} */ project) => {
    close();
    change(item, { folder_id: null, project_id: project });
  };
  const onSubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!name.value.trim()) return;
    const made = await createFolder(name.value);
    if (made) put(made.id);
  };
  const within = folders.value.some((folder) => folder.id === item.folder_id) ? item.folder_id : null;
  const project = projectOf(item.project_id);
  return html`<${Dialog} kind="sheet narrow" label=${t("list.move")} title=${t("list.move")} onClose=${close}>
    <p class="muted" dir="auto">${item.title || t("list.untitled")}</p>
    <ul class="choices">
      <li><${Choice} name=${t("folder.none")} chosen=${within === null && !project} onChoose=${() => put(null)} /></li>
      ${folders.value.map((folder) => html`<li key=${folder.id}><${Choice} name=${folder.name}
        chosen=${within === folder.id} onChoose=${() => put(folder.id)} /></li>`)}
      ${projects.value.map((each) => html`<li key=${each.id}><${Choice} name=${each.name} icon="project"
        chosen=${project?.id === each.id} onChoose=${() => putInProject(each.id)} /></li>`)}
    </ul>
    <form class="one-line" onSubmit=${onSubmit}>
      <input type="text" maxlength="80" value=${name} placeholder=${t("folder.new")} dir="auto"
        aria-label=${t("folder.new")} onInput=${(/** @type {any} */ event) => { name.value = event.target.value; }} />
      <button type="submit" class="plain" disabled=${!name.value.trim()}>${t("folder.create")}</button>
    </form>
  <//>`;
}

/** @param {{name: string, icon?: "folder" | "project", chosen: boolean, onChoose: () => void}} props */
function Choice({ name, icon = "folder", chosen, onChoose }) {
  return html`<button type="button" class="menu-item" aria-pressed=${chosen} onClick=${onChoose}>
    <${Icon} name=${icon} /><span class="menu-text" dir="auto">${name}</span>
    ${chosen && html`<${Icon} name="check" />`}</button>`;
}
