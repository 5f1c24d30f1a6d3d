import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { goProject, openId, openProject, ours } from "../router.js";
import { conversationOf } from "../state/conversations.js";
import { drawer } from "../state/look.js";
import { edited, leaving, projectOf, projects } from "../state/projects.js";
import { temporary } from "../state/temporary.js";
import { endTemporary } from "../state/temporary_turns.js";
import { Icon } from "./icons.js";
import { lazy } from "./lazy.js";

/** Projects named in the sidebar before the others are asked for. */
const NAMED = 6;

/** Open the page of a project. @param {string} id */
export function showProject(id) {
  drawer.value = false;
  if (temporary.peek()) endTemporary();
  goProject(id);
}

/** Begin to make a project. */
export function newProject() {
  drawer.value = false;
  edited.value = "new";
}

/** The projects' place in the sidebar. */
export function Projects() {
  const all = useSignal(false);
  const list = projects.value;
  const named = all.value ? list : list.slice(0, NAMED);
  return html`<section class="projects">
    <div class="section-head">
      <h2>${t("project.title")}</h2>
      <button type="button" class="quiet square small-square" aria-label=${t("project.new")}
        title=${t("project.new")} onClick=${newProject}><${Icon} name="plus" /></button>
    </div>
    ${named.length > 0 && html`<ul>${named.map((project) => html`<li class="item" key=${project.id}>
      <${ProjectLink} project=${project} /></li>`)}</ul>`}
    ${list.length > named.length && html`<button type="button" class="plain older"
      onClick=${() => { all.value = true; }}>${t("project.all", { count: list.length })}</button>`}
  </section>`;
}

/** @param {{project: import("../state/projects.js").Project}} props */
function ProjectLink({ project }) {
  const within = conversationOf(openId.value)?.project_id === project.id;
  const here = openProject.value === project.id ? "page" : within && "true";
  return html`<a class="project-link" href=${`/p/${project.id}`} dir="auto" title=${project.name}
    aria-current=${here || undefined} onClick=${follow(project.id)}>
    <${Icon} name="project" /><span>${project.name}</span></a>`;
}

/** The way from a conversation to its project. @param {{id: string | null | undefined}} props */
export function Crumb({ id }) {
  const project = projectOf(id);
  return project ? html`<a class="crumb" href=${`/p/${project.id}`} dir="auto"
    aria-label=${t("project.of", { name: project.name })} onClick=${follow(project.id)}>
    <${Icon} name="project" /><span>${project.name}</span></a>` : null;
}

/** @param {string} id */
function follow(id) {
  return (/** @type {MouseEvent} */ event) => {
    if (ours(event)) showProject(id);
  };
}

/** A project's page, of the project that is open. */
export const ProjectPage = lazy(() => import("./project/page.js").then((found) => found.Page));

const Dialogs = lazy(() => import("./project/page.js").then((found) => found.Dialogs));

/** What covers the page while a project is made, changed or deleted. */
export function ProjectDialogs() {
  return (edited.value || leaving.value) && html`<${Dialogs} />`;
}
