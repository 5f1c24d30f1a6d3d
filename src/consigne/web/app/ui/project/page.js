import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { request } from "../../api.js";
import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { goProject, openProject } from "../../router.js";
import { hasMore, inProject, loadMore, loadProject } from "../../state/conversations.js";
import { edited, leaving, opened, openError, readProject, saveProject } from "../../state/projects.js";
import { toast } from "../../state/toasts.js";
import { ConversationItem } from "../conversation_item.js";
import { Check } from "../fields.js";
import { Icon } from "../icons.js";
import { ProjectFiles } from "./files.js";
import { EditDialog, RemoveDialog } from "./dialogs.js";

/**
 * @typedef {import("../../state/projects.js").Opened} Opened
 * @typedef {import("../../types.js").Conversation} Conversation
 */

/** From so many conversations on, their titles can be searched. */
const MANY = 8;
const TYPING_PAUSE_MS = 120;

/** A project: its conversations, what they follow, and what they stand on. */
export function Page() {
  const id = openProject.value;
  useEffect(() => {
    if (!id) return;
    readProject(id);
    loadProject(id);
  }, [id]);
  if (openError.value) return html`<${Instead} error=${openError.value} />`;
  const found = opened.value;
  if (!found || found.project.id !== id) {
    return html`<div class="scroll"><div class="column project skeleton" role="status"
      aria-label=${t("app.loading")}><span class="bone panel"></span><span class="bone"></span>
      <span class="bone short"></span></div></div>`;
  }
  const { project } = found;
  return html`<div class="scroll"><div class="column project">
    <div class="project-head">
      <div><h2 dir="auto">${project.name}</h2>
        <p class="muted" dir="auto">${project.description}</p>
        ${!project.mine && html`<p class="muted small">${t("project.by", { name: project.maker })}</p>`}</div>
      ${project.may_change && html`<button type="button" class="plain"
        onClick=${() => { edited.value = project; }}><${Icon} name="edit" />${t("library.edit")}</button>`}
    </div>
    <${ProjectConversations} id=${project.id} />
    <section><h3>${t("project.instructions")}</h3>
      ${project.instructions
        ? html`<p class="project-instructions" dir="auto">${project.instructions}</p>`
        : html`<p class="muted">${t("project.noInstructions")}</p>`}</section>
    <${ProjectFiles} found=${found} />
    ${project.may_change && html`<${Sharing} found=${found} />`}
  </div></div>`;
}

/** @param {{id: string}} props */
function ProjectConversations({ id }) {
  const words = useSignal("");
  const found = useSignal(/** @type {Conversation[] | null} */ (null));
  const all = inProject(id);
  const wanted = words.value.trim();
  useEffect(() => {
    found.value = null;
    if (!wanted) return undefined;
    const timer = setTimeout(async () => {
      const query = new URLSearchParams({ place: id, query: wanted });
      const page = await request("GET", `/api/conversations?${query}`).catch((error) => toast(explain(error)));
      if (page && words.peek().trim() === wanted) found.value = page.conversations;
    }, TYPING_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  const items = wanted ? found.value ?? [] : all;
  return html`<section><h3>${t("project.conversations")}</h3>
    <p class="muted">${t("project.begin")}</p>
    ${(all.length > MANY || wanted) && html`<input type="search" class="project-search" dir="auto"
      aria-label=${t("project.search")} placeholder=${t("project.search")} value=${words.value}
      onInput=${(/** @type {any} */ event) => { words.value = event.target.value; }} />`}
    ${wanted && found.value?.length === 0 && html`<p class="muted" role="status">
      ${t("list.nothing", { query: wanted })}</p>`}
    ${items.length > 0 && html`<ul class="project-conversations">${items.map((item) =>
      html`<${ConversationItem} key=${item.id} item=${item} open=${false} />`)}</ul>`}
    ${!wanted && items.length > 0 && hasMore(id) && html`<button type="button" class="plain older"
      onClick=${() => loadMore(id)}>${t("list.more")}</button>`}
  </section>`;
}

/** @param {{found: Opened}} props */
function Sharing({ found }) {
  const { project } = found;
  const share = (/** @type {boolean} */ shared) => {
    const { name, description, instructions } = project;
    saveProject(project.id, { name, description, instructions, shared })
      .catch((error) => toast(explain(error)));
  };
  return html`<section><h3>${t("project.sharing")}</h3>
    <${Check} label=${t("project.share")} on=${project.shared} onChange=${share} />
    <p class="muted small">${t("project.shareNote")}</p>
    <button type="button" class="plain bad" onClick=${() => { leaving.value = found; }}>
      <${Icon} name="trash" />${t("project.delete")}</button>
  </section>`;
}

/** @param {{error: any}} props */
function Instead({ error }) {
  const missing = error.status === 404;
  const act = () => (missing ? goProject(null) : readProject(openProject.peek() ?? ""));
  return html`<div class="scroll"><div class="column instead" role="alert">
    <p>${missing ? t("project.missing") : t("project.failed", { reason: explain(error) })}</p>
    <button type="button" class="primary" onClick=${act}>
      ${t(missing ? "thread.begin" : "app.retry")}</button>
  </div></div>`;
}

/** What covers the page while a project is made, changed or deleted. */
export function Dialogs() {
  if (edited.value) return html`<${EditDialog} />`;
  return leaving.value && html`<${RemoveDialog} found=${leaving.value} />`;
}
