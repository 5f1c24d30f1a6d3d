import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { request } from "../api.js";
import { html } from "../html.js";
import { chooseLanguage, language, LANGUAGES, t } from "../i18n.js";
import { go } from "../router.js";
import { inOrder } from "../state/conversations.js";
import { TABS } from "../state/library.js";
import { projects } from "../state/projects.js";
import { setTemporary } from "../state/temporary.js";
import { chooseTheme, overlay, theme } from "../state/look.js";
import { signOut } from "../state/session.js";
import { chooseImport, exportEverything } from "../state/transfers.js";
import { openSearch } from "../state/search.js";
import { maySeeUsage } from "../state/usage.js";
import { Dialog } from "./dialog.js";
import { beginNew, COMMANDS, fitting, wordsFor } from "./commands.js";
import { openLibrary } from "./library_door.js";
import { newProject, showProject } from "./project_door.js";
import { keysOf } from "./shortcuts.js";
import { ownName } from "./sign_in.js";
import { openUsage } from "./usage_door.js";

/** @typedef {{id: string, text: string, keys?: string[], run: () => void}} Entry */

const MOST_CONVERSATIONS = 8;
const TYPING_PAUSE_MS = 150;

/** Every command and conversation, a few letters away. */
export function Palette() {
  const words = useSignal("");
  const chosen = useSignal(0);
  const found = useSignal(/** @type {Entry[]} */ (inOrder.peek().map(jump)));
  const panel = useRef(/** @type {HTMLElement | null} */ (null));
  const wanted = words.value.trim().toLocaleLowerCase();

  useEffect(() => {
    if (!wanted) return undefined;
    let current = true;
    const timer = setTimeout(async () => {
      const path = `/api/conversations?${new URLSearchParams({ query: wanted, limit: "8" })}`;
      const page = await request("GET", path).catch(() => null);
      if (page && current) found.value = page.conversations.map(jump);
    }, TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [wanted]);

  const fits = (/** @type {Entry} */ entry) => entry.text.toLocaleLowerCase().includes(wanted);
  const places = found.value.filter(fits).slice(0, MOST_CONVERSATIONS);
  /** @type {Entry} */
  const deeper = { id: "deeper", text: t("palette.deeper", { query: words.value.trim() }),
    run: () => openSearch(words.peek()) };
  const entries = [...commands().filter(fits), ...places, ...(wanted ? [deeper] : [])];
  const at = Math.min(chosen.value, entries.length - 1);
  useEffect(() => {
    panel.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const run = (/** @type {Entry} */ entry) => {
    overlay.value = "";
    entry.run();
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && entries.length) chosen.value = (at + step + entries.length) % entries.length;
    else if (event.key === "Enter" && entries[at]) run(entries[at]);
    else return;
    event.preventDefault();
  };
  const onInput = (/** @type {any} */ event) => {
    words.value = event.target.value;
    chosen.value = 0;
  };
  return html`<${Dialog} kind="palette" label=${t("palette.label")} onClose=${() => { overlay.value = ""; }}>
    <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" autofocus
      autocomplete="off" spellcheck=${false} aria-label=${t("palette.label")}
      aria-activedescendant=${entries[at] && `palette-${entries[at].id}`} value=${words}
      placeholder=${t("palette.placeholder")} onInput=${onInput} onKeyDown=${onKeyDown} />
    <div id="palette-list" role="listbox" ref=${panel} aria-label=${t("palette.label")}>
      ${entries.map((entry, index) => html`<div key=${entry.id} id=${`palette-${entry.id}`}
        role="option" aria-selected=${index === at} dir="auto" onClick=${() => run(entry)}
        onPointerMove=${() => { chosen.value = index; }}><span>${entry.text}</span>
        ${entry.keys?.map((key) => html`<kbd key=${key} aria-hidden="true">${key}</kbd>`)}</div>`)}
    </div>
  <//>`;
}

/** @returns {Entry[]} */
function commands() {
  const themes = /** @type {const} */ (["light", "dark", "auto"]).filter((name) => name !== theme.value);
  return [
    { id: "new", text: t("list.new"), keys: keysOf("new"), run: beginNew },
    { id: "search", text: t("palette.search"), keys: keysOf("search"), run: () => openSearch() },
    ...fitting().map((name) => (
      { id: name, text: wordsFor(name), keys: keysOf(name), run: () => { COMMANDS[name](); } })),
    ...TABS.map((name) => (
      { id: `library-${name}`, text: t(`library.tab.${name}`), run: () => openLibrary(name) })),
    { id: "new-project", text: t("project.new"), keys: keysOf("project"), run: newProject },
    ...projects.value.map(({ id, name }) => (
      { id, text: t("project.of", { name }), run: () => showProject(id) })),
    { id: "temporary", text: t("temporary.begin"), run: () => {
      beginNew();
      setTemporary(true);
    } },
    { id: "archived", text: t("archive.title"), run: () => { overlay.value = "archive"; } },
    { id: "shares", text: t("share.all"), run: () => { overlay.value = "shares"; } },
    ...(maySeeUsage.value ? [{ id: "usage", text: t("usage.title"), run: openUsage }] : []),
    { id: "import", text: t("transfer.import"), run: chooseImport },
    { id: "export", text: t("transfer.everything"), run: exportEverything },
    { id: "models", text: t("pull.title"), run: () => { overlay.value = "models"; } },
    ...themes.map((name) => (
      { id: name, text: t(`palette.theme.${name}`), run: () => chooseTheme(name) })),
    ...LANGUAGES.filter((code) => code !== language.value).map((code) => (
      { id: code, text: ownName(code), run: () => chooseLanguage(code) })),
    { id: "sign-out", text: t("account.signOut"), run: signOut },
  ];
}

/**
 * @param {import("../types.js").Conversation} conversation
 * @returns {Entry}
 */
function jump(conversation) {
  const { id, title } = conversation;
  return { id, text: title || t("list.untitled"), run: () => go(id) };
}
