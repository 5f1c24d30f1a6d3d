import { html } from "../html.js";
import { language, t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { modelFor } from "../state/models.js";
import { temporary } from "../state/temporary.js";
import { conversation } from "../state/thread.js";
import { canResearch, drawing, loadTools, research, switchTool, tools, usesTools } from "../state/tools.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";

/** How the next instruction is answered, and which tools a model that can use any may use. */
export function ToolsMenu() {
  const capable = usesTools(modelFor(conversation.value?.model));
  const draws = !temporary.value && tools.value.some((tool) => tool.name === "make_picture");
  if (!tools.value.length || (!capable && !draws)) return null;
  const picture = draws && html`<${MenuItem} stay many checked=${drawing.value}
      onSelect=${() => { drawing.value = !drawing.value; research.value = false; }}>
      <span class="menu-text"><span>${t("tools.picture")}</span>
        <span class="muted small">${t("tools.pictureHint")}</span></span>
      ${drawing.value && html`<${Icon} name="check" />`}<//>`;
  const mode = drawing.value ? "tools.picture" : research.value && "tools.research";
  const count = tools.value.filter((tool) => tool.on).length;
  const button = html`<${Icon} name="tools" />
    ${mode && html`<span class="tools-mode">${t(mode)}</span>`}`;
  if (!capable) {
    return html`<${Menu} label=${t("tools.kind")} button=${button} side="up"
      buttonClass="quiet tools-button">${picture}<//>`;
  }
  return html`<${Menu} label=${t("tools.menu", { n: count })} button=${button} side="up"
    buttonClass="quiet tools-button" onOpen=${loadTools}>
    ${picture}${picture && !canResearch.value && html`<hr />`}
    ${canResearch.value && html`<${MenuItem} stay many checked=${research.value}
      onSelect=${() => { research.value = !research.value; drawing.value = false; }}>
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
