import { useEffect } from "preact/hooks";

import { html } from "../../html.js";
import { t } from "../../i18n.js";
import { overlay } from "../../state/look.js";
import { tab, TABS } from "../../state/library.js";
import { Dialog } from "../dialog.js";
import { AssistantsPanel } from "./assistants.js";
import { FilesPanel } from "./files.js";
import { PersonalPanel } from "./personal.js";
import { PromptsPanel } from "./prompts.js";
import { SchedulesPanel } from "./schedules.js";
import { SkillsPanel } from "./skills.js";

const PANELS = {
  assistants: AssistantsPanel, prompts: PromptsPanel, schedules: SchedulesPanel,
  skills: SkillsPanel, files: FilesPanel, personal: PersonalPanel,
};

/** What a person makes the chat their own with, a panel for each kind. */
export default function LibraryDialog() {
  const shown = tab.value;
  useEffect(() => {
    document.getElementById(`tab-${tab.peek()}`)?.scrollIntoView({ inline: "nearest" });
  }, [shown]);
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    tab.value = TABS[(TABS.indexOf(tab.value) + step + TABS.length) % TABS.length];
    document.getElementById(`tab-${tab.value}`)?.focus();
  };
  return html`<${Dialog} kind="sheet library" label=${t("library.title")} title=${t("library.title")}
    onClose=${() => { overlay.value = ""; }}>
    <div class="tabs" role="tablist" aria-label=${t("library.title")} onKeyDown=${onKeyDown}>
      ${TABS.map((name) => html`<button type="button" role="tab" key=${name} id=${`tab-${name}`}
        class="tab" aria-selected=${name === shown} aria-controls="tab-panel"
        tabindex=${name === shown ? 0 : -1} onClick=${() => { tab.value = name; }}>
        ${t(`library.tab.${name}`)}</button>`)}
    </div>
    <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${shown}`}>
      <${PANELS[shown]} key=${shown} />
    </div>
  <//>`;
}
