import { useEffect, useRef } from "preact/hooks";

import { refusal, request } from "../../api.js";
import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { skills } from "../../state/library.js";
import { session } from "../../state/session.js";
import { toast } from "../../state/toasts.js";
import { Check } from "../fields.js";
import { Icon } from "../icons.js";

/** @typedef {import("../../state/library.js").Skill} Skill */

export function SkillsPanel() {
  const file = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    skills.load();
  }, []);
  const upload = async () => {
    const chosen = file.current?.files?.[0];
    if (!chosen) return;
    try {
      const headers = { "content-type": "application/zip" };
      const response = await fetch("/api/skills", { method: "POST", body: chosen, headers });
      if (!response.ok) throw await refusal(response, "/api/skills");
      await skills.change(() => response.json()); // nothing waits while the file is on its way
    } catch (error) {
      toast(explain(/** @type {Error} */ (error)));
    }
    if (file.current) file.current.value = "";
  };
  const items = skills.items.value;
  return html`<p class="muted">${t("skill.lead")}</p>
    ${items?.length === 0 && html`<p class="note">${t("skill.none")}</p>`}
    <ul class="things">${items?.map((item) => html`<${Line} key=${item.id} item=${item} />`)}</ul>
    <div class="buttons">
      <input ref=${file} type="file" class="unseen" id="skill-file" accept=".zip" tabindex="-1"
        aria-label=${t("skill.upload")} onChange=${upload} />
      <button type="button" class="primary" onClick=${() => file.current?.click()}>
        <${Icon} name="plus" />${t("skill.upload")}</button></div>`;
}

/** @param {{item: Skill}} props */
function Line({ item }) {
  const change = (/** @type {object} */ body) =>
    skills.change(() => request("PATCH", `/api/skills/${encodeURIComponent(item.id)}`, body))
      .catch((error) => toast(explain(error)));
  const administers = ["owner", "admin"].includes(session.value?.role ?? "");
  return html`<li>
    <div class="thing-text"><strong>${item.name}</strong>
      ${item.shared && html` <span class="tag">
        ${t(item.source === "operator" ? "skill.operator" : "library.shared")}</span>`}
      <span class="muted small" dir="auto">${item.description}</span>
      <details class="small"><summary>${t("skill.read")}</summary><pre dir="auto">${item.body}</pre></details>
    </div>
    ${item.mine && administers && html`<button type="button" class="quiet" aria-pressed=${item.shared}
      onClick=${() => change({ shared: !item.shared })}>
      ${t(item.shared ? "skill.unshare" : "skill.share")}</button>`}
    <${Check} label=${t("skill.on", { name: item.name })} on=${item.enabled}
      onChange=${(/** @type {boolean} */ enabled) => change({ enabled })} />
    ${item.mine && html`<button type="button" class="quiet square" title=${t("list.delete")}
      aria-label=${t("library.deleteLabel", { name: item.name })}
      onClick=${() => skills.remove(item)}><${Icon} name="trash" /></button>`}
  </li>`;
}
