import { html } from "../html.js";
import { language, t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { modelFor } from "../state/models.js";
import { conversation } from "../state/thread.js";
import { canResearch, loadTools, research, switchTool, tools, usesTools } from "../state/tools.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** Which tools the model may use; stands only beside a model that can use any. */
export function ToolsMenu() {
  if (!usesTools(modelFor(conversation.value?.model)) || !tools.value.length) return null;
  const count = tools.value.filter((tool) => tool.on).length;
  const button = html`<${Icon} name="tools" />
    ${research.value && html`<span class="tools-mode">${t("tools.research")}</span>`}`;
  return html`<${Menu} label=${t("tools.menu", { n: count })} button=${button} side="up"
    buttonClass="quiet tools-button" onOpen=${loadTools}>
    ${canResearch.value && html`<${MenuItem} stay many checked=${research.value}
      onSelect=${() => { research.value = !research.value; }}>
      <span class="menu-text"><span>${t("tools.research")}</span>
        <span class="muted small">${t("tools.researchHint")}</span></span>
      ${research.value && html`<${Icon} name="check" />`}<//><hr />`}
    ${tools.value.map((tool) => html`<${MenuItem} key=${tool.name} stay many checked=${tool.on}
      onSelect=${() => switchTool(tool.name, !tool.on)}>
      <span class="menu-text"><span>${tool.title[language.value]}</span>
        ${tool.group && html`<span class="muted small">${tool.group}</span>`}</span>
      ${tool.on && html`<${Icon} name="check" />`}<//>`)}
    <hr />
    <${MenuItem} onSelect=${() => { overlay.value = "servers"; }}>
      <span class="menu-text">${t("servers.title")}</span><//>
  <//>`;
}
