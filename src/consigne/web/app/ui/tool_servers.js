import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import { request } from "../api.js";
import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { session } from "../state/session.js";
import { freshness } from "../state/freshness.js";
import { loadTools } from "../state/tools.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/**
 * The servers of tools of the workspace: how they are; owners and administrators add and remove.
 *
 * @typedef {{id: string, name: string, url: string, tools: number, problem: string}} ToolServer
 */
export function ToolServersDialog() {
  const servers = useSignal(/** @type {ToolServer[] | null} */ (null));
  const problem = useSignal("");
  const read = useMemo(() => freshness().reader(), []);
  const load = () => read(() => request("GET", "/api/tools/servers"),
    (found) => { servers.value = found.servers; })
    .catch((error) => { problem.value = explain(error); });
  useEffect(() => { load(); }, []);
  const change = async (/** @type {Promise<unknown>} */ work) => {
    problem.value = "";
    try {
      await work;
      await Promise.all([load(), loadTools()]);
      return true;
    } catch (error) {
      const told = /** @type {import("../api.js").ApiError} */ (error);
      problem.value = told.status === 400 || told.status === 409 ? told.message : explain(told);
      return false;
    }
  };
  const may = ["owner", "admin"].includes(session.value?.role ?? "");
  return html`<${Dialog} kind="sheet" label=${t("servers.title")} title=${t("servers.title")}
    onClose=${() => { overlay.value = ""; }}>
    <p class="muted">${t("servers.lead")}</p>
    ${servers.value?.length === 0 && html`<p class="muted">${t("servers.none")}</p>`}
    <ul class="rows">${servers.value?.map((server) => html`<li key=${server.name}>
      <span class="server"><span>${server.name}</span>
        <span class="muted small" dir="auto">${server.problem || server.url || t("servers.program")}</span></span>
      <span class="muted small">${t("servers.tools", { count: server.tools })}</span>
      ${may && server.id && html`<button type="button" class="quiet square"
        aria-label=${t("servers.remove", { name: server.name })} title=${t("servers.remove", { name: server.name })}
        onClick=${() => change(request("DELETE", `/api/tools/servers/${server.id}`))}>
        <${Icon} name="trash" /></button>`}</li>`)}</ul>
    ${problem.value && html`<p class="note bad" role="alert"><${Icon} name="alert" />
      <span>${problem.value}</span></p>`}
    ${may && html`<${NewServer} add=${(/** @type {object} */ body) =>
      change(request("POST", "/api/tools/servers", body))} />`}
  <//>`;
}

/** @param {{add: (body: object) => Promise<boolean>}} props */
function NewServer({ add }) {
  const busy = useSignal(false);
  const onSubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    busy.value = true;
    const done = await add(Object.fromEntries(new FormData(form)));
    busy.value = false;
    if (done) form.reset();
  };
  return html`<form class="server-form" onSubmit=${onSubmit}>
    <label class="field"><span>${t("servers.name")}</span><input name="name" required maxlength="24"
      pattern="[A-Za-z0-9_\\-]+" autocomplete="off" /></label>
    <label class="field"><span>${t("servers.url")}</span><input name="url" type="url" required autocomplete="off" /></label>
    <label class="field"><span>${t("servers.authorization")}</span><input name="authorization" type="password"
      autocomplete="off" /></label>
    <button type="submit" class="primary" disabled=${busy.value}>${t("servers.add")}</button>
  </form>`;
}
