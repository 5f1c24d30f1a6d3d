import { effect } from "@preact/signals";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { go, openId, openProject } from "../router.js";
import { conversationOf, moving, rename, retitling } from "../state/conversations.js";
import { drawer, overlay } from "../state/look.js";
import { marking } from "../state/marking.js";
import { projectOf } from "../state/projects.js";
import { session, unreachable } from "../state/session.js";
import { openSource } from "../state/source.js";
import { asked } from "../state/speech.js";
import { conversation, outgoing } from "../state/thread.js";
import { artifact } from "../state/artifact.js";
import { Announcer } from "./announcer.js";
import { Composer } from "./composer.js";
import { ConnectionNotice, Unreachable } from "./connection.js";
import { NameField } from "./conversation_item.js";
import { ConversationMenu } from "./conversation_menu.js";
import { explaining } from "../state/feedback.js";
import { Icon } from "./icons.js";
import { lazy } from "./lazy.js";
import { Library } from "./library_door.js";
import { Palette } from "./palette.js";
import { Crumb, ProjectDialogs, ProjectPage } from "./project_door.js";
import { filling } from "./prompt_menu.js";
import { SearchDialog } from "./search.js";
import { ShareButton, ShareDialogs } from "./share_door.js";
import { Sidebar } from "./sidebar.js";
import { SignIn } from "./sign_in.js";
import { TemporaryNotice, TemporarySwitch } from "./temporary.js";
import { Thread } from "./thread.js";
import { Toasts } from "./toasts.js";
import { UsageDoor } from "./usage_door.js";

const ArchiveDialog = lazy(() => import("./archive.js").then((found) => found.ArchiveDialog));
const ArtifactPanel = lazy(() => import("./artifact_panel.js").then((found) => found.ArtifactPanel));
const FeedbackDialog = lazy(() => import("./feedback_dialog.js").then((found) => found.FeedbackDialog));
const FillDialog = lazy(() => import("./prompt_fill.js").then((found) => found.FillDialog));
const GalleryDialog = lazy(() => import("./gallery.js").then((found) => found.GalleryDialog));
const MoveDialog = lazy(() => import("./move.js").then((found) => found.MoveDialog));
const PicturePartDialog = lazy(() => import("./picture_part.js").then((found) => found.PicturePartDialog));
const ShortcutsDialog = lazy(() => import("./shortcuts.js").then((found) => found.ShortcutsDialog));
const SourcePanel = lazy(() => import("./source.js").then((found) => found.SourcePanel));
const SpeechNotice = lazy(() => import("./speech_notice.js").then((found) => found.SpeechNotice));
const SuggestionsDialog = lazy(() => import("./suggestions.js").then((found) => found.SuggestionsDialog));
const ToolServersDialog = lazy(() => import("./tool_servers.js").then((found) => found.ToolServersDialog));

/** The whole page. */
export function App() {
  if (unreachable.value) return html`<${Unreachable} />`;
  if (session.value === undefined) return null;
  if (session.value === null) return html`<${SignIn} />`;
  return html`<a class="skip" href="#composer">${t("app.skip")}</a>
    <div class="frame ${drawer.value ? "drawer-open" : ""} ${artifact.value ? "with-panel" : ""}">
      <${Sidebar} />
      <div class="veil" onClick=${() => { drawer.value = false; }}></div>
      <main>
        <div><${Head} /><${ConnectionNotice} /><${TemporaryNotice} /></div>
        ${openProject.value && !outgoing.value ? html`<${ProjectPage} />` : html`<${Thread} />`}
        <${Composer} />
      </main>
      ${artifact.value && html`<${ArtifactPanel} />`}
    </div>
    <${Toasts} />
    <${Announcer} />
    ${asked.value && html`<${SpeechNotice} />`}
    ${overlay.value === "palette" && html`<${Palette} />`}
    ${overlay.value === "search" && html`<${SearchDialog} />`}
    ${overlay.value === "servers" && html`<${ToolServersDialog} />`}
    ${overlay.value === "archive" && html`<${ArchiveDialog} />`}
    ${overlay.value === "keys" && html`<${ShortcutsDialog} />`}
    ${overlay.value === "pictures" && html`<${GalleryDialog} />`}
    ${marking.value && html`<${PicturePartDialog} />`}
    ${overlay.value === "library" && html`<${Library} />`}
    ${explaining.value && html`<${FeedbackDialog} key=${explaining.value} />`}
    ${filling.value && html`<${FillDialog} key=${filling.value.id} />`}
    ${openSource.value && html`<${SourcePanel} />`}
    ${moving.value && html`<${MoveDialog} />`}
    <${ProjectDialogs} /><${ShareDialogs} /><${UsageDoor} />
    ${overlay.value === "models" && html`<${SuggestionsDialog} />`}`;
}

function Head() {
  const item = openId.value ? opened() : null;
  return html`<header class="head">
    <button type="button" class="quiet square drawer-only" aria-label=${t("app.openMenu")}
      aria-expanded=${drawer.value} onClick=${() => { drawer.value = true; }}><${Icon} name="menu" /></button>
    ${item && html`<${Crumb} id=${item.project_id} />`}
    ${item && retitling.value === item.id
      ? html`<${NameField} name=${item.title} label=${t("list.renameLabel")} onDone=${retitled}
          onKeep=${(/** @type {string} */ name) => rename(item, name)} />`
      : html`<h1 dir="auto">${openProject.value ? t("project.one") : title()}</h1>`}
    <${TemporarySwitch} />
    <${ShareButton} item=${item} />
    ${item && html`<${ConversationMenu} item=${item} label=${t("app.options")}
      onRename=${() => { retitling.value = item.id; }} />`}
    <button type="button" class="quiet square drawer-only" aria-label=${t("list.new")}
      onClick=${() => go(null)}><${Icon} name="plus" /></button>
  </header>`;
}

/** Leave the title's field; the cursor goes where one writes, unless it has gone elsewhere. */
function retitled() {
  const stays = document.activeElement?.matches(".head .rename") && matchMedia("(pointer: fine)").matches;
  retitling.value = null;
  if (stays) document.getElementById("composer")?.focus();
}

function title() {
  if (openProject.value) return projectOf(openProject.value)?.name ?? t("project.one");
  if (openId.value === null) return t("app.newTitle");
  return opened()?.title || t("app.conversation");
}

/** The open conversation, as it is best known. */
function opened() {
  return conversationOf(openId.value) ?? conversation.value;
}

/** Keep the window's own title on the conversation being read. */
export function watchTitle() {
  effect(() => {
    document.title = session.value && (openId.value ?? openProject.value) !== null ? `${title()} · Consigne` : "Consigne";
  });
}
