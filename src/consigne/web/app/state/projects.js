import { computed, signal } from "@preact/signals";

import { request } from "../api.js";
import { explain, t } from "../i18n.js";
import { goProject, openProject } from "../router.js";
import { freshness } from "./freshness.js";
import { toast } from "./toasts.js";

/**
 * Projects: conversations with the same instructions and knowledge.
 *
 * @typedef {object} Project
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {string} instructions
 * @property {boolean} shared
 * @property {boolean} mine
 * @property {boolean} may_change
 * @property {string} maker the name of whoever made it
 * @property {string} updated_at
 *
 * @typedef {import("../types.js").Attachment & {passages: number, indexed: number, cut: boolean,
 *   pages: number | null}} ProjectFile
 * @typedef {{project: Project, files: ProjectFile[], conversations: number}} Opened
 * @typedef {{name: string, description: string, instructions: string, shared: boolean}} Wanted
 */

export const projects = signal(/** @type {Project[]} */ ([]));
export const projectIds = computed(() => new Set(projects.value.map((project) => project.id)));
/** The project whose page is read, as the server last told it. */
export const opened = signal(/** @type {Opened | null} */ (null));
/** Why the project's page could not be read. */
export const openError = signal(/** @type {Error | null} */ (null));
/** The project that is being made or changed, or is to be deleted. */
export const edited = signal(/** @type {Project | "new" | null} */ (null));
export const leaving = signal(/** @type {Opened | null} */ (null));

/** @param {string | null | undefined} id */
export function projectOf(id) {
  return projects.value.find((project) => project.id === id);
}

const fresh = freshness();
const readAll = fresh.reader();
const readOne = fresh.reader();

export function loadProjects() {
  return readAll(() => request("GET", "/api/projects"), (found) => {
    projects.value = found.projects;
  }).catch(() => {});
}

/** Read the project whose page is open. @param {string} id */
export async function readProject(id) {
  if (opened.peek()?.project.id !== id) opened.value = null;
  openError.value = null;
  try {
    await readOne(() => request("GET", path(id)), take);
  } catch (error) {
    if (openProject.peek() === id) openError.value = /** @type {Error} */ (error);
  }
}

/**
 * Make a project, or change the one of this id.
 * @param {string | null} id
 * @param {Wanted} wanted
 * @throws {import("../api.js").ApiError}
 */
export function saveProject(id, wanted) {
  return fresh.change(async () => {
    const found = await (id
      ? request("PUT", path(id), wanted) : request("POST", "/api/projects", wanted));
    if (!id) goProject(found.project.id);
    take(found);
  });
}

/**
 * @param {string} id
 * @param {string} document
 * @param {"PUT" | "DELETE"} how
 * @throws {import("../api.js").ApiError}
 */
export function changeFile(id, document, how) {
  return fresh.change(async () => take(await request(how, `${path(id)}/files/${document}`)));
}

/**
 * Delete a project, its conversations with it if that is wanted, with a way back.
 * @param {Project} project
 * @param {boolean} withConversations
 * @param {() => unknown} changed called when conversations have gone or come back
 */
export async function removeProject(project, withConversations, changed) {
  const wasOpen = openProject.peek() === project.id;
  const fate = withConversations ? "delete" : "keep";
  try {
    await fresh.change(async () => {
      await request("DELETE", `${path(project.id)}?conversations=${fate}`);
      projects.value = projects.value.filter((other) => other.id !== project.id);
    });
  } catch (error) {
    return toast(explain(/** @type {Error} */ (error)));
  }
  if (wasOpen) goProject(null);
  await changed();
  const undo = async () => {
    await fresh.change(async () => take(await request("POST", `${path(project.id)}/restore`)));
    await changed();
    if (wasOpen) goProject(project.id);
  };
  toast(t("project.deleted"), {
    label: t("list.undo"),
    run: () => { undo().catch((error) => toast(explain(error))); },
  });
}

/** Know a project as it is now; on its page, all of it. @param {Opened} found */
function take(found) {
  const others = projects.value.filter((other) => other.id !== found.project.id);
  projects.value = [...others, found.project].sort((a, b) => a.name.localeCompare(b.name));
  if (openProject.peek() === found.project.id) opened.value = found;
}

/** @param {string} id */
function path(id) {
  return `/api/projects/${id}`;
}
