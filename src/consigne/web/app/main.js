import { effect } from "@preact/signals";
import { render } from "preact";

import { html } from "./html.js";
import { loadLanguage, t } from "./i18n.js";
import { keepForOffline, watchConnection } from "./state/connection.js";
import { loadList, watchList } from "./state/conversations.js";
import { watchFeedback } from "./state/feedback.js";
import { loadFolders } from "./state/folders.js";
import { loadLibrary, watchSchedules } from "./state/library.js";
import { resumeImport } from "./state/imports.js";
import { arrival, loadModels, loadPulls, paints } from "./state/models.js";
import { loadProjects } from "./state/projects.js";
import { begin, session } from "./state/session.js";
import { loadTools } from "./state/tools.js";
import { watchThread } from "./state/thread.js";
import { chooseModel } from "./state/turns.js";
import { toast } from "./state/toasts.js";
import { watchAnswers } from "./ui/announcer.js";
import { App, watchTitle } from "./ui/app.js";
import { watchKeys } from "./ui/keys.js";

await Promise.all([loadLanguage(), begin()]);
render(html`<${App} />`, /** @type {Element} */ (document.getElementById("app")));

watchConnection();
watchKeys();
watchTitle();
watchAnswers();
watchList();
watchFeedback();
watchSchedules();

// Everything that needs a person begins when one has signed in, and again after a lost session.
let watched = false;
effect(() => {
  if (!session.value) return;
  queueMicrotask(() => {
    if (!watched) watchThread();
    watched = true;
    loadList();
    loadFolders();
    loadProjects();
    loadModels();
    loadPulls();
    loadLibrary();
    loadTools();
    resumeImport();
  });
});

effect(() => {
  const model = arrival.value;
  if (!model) return;
  const { id, name, modality } = model;
  const use = { label: t("pull.use"), run: () => { chooseModel(id); } };
  const said = paints.peek() === id ? "pull.readyPaints" : "pull.ready";
  queueMicrotask(() => toast(t(said, { name }), modality === "text" ? use : undefined));
});

// When the page is there for the reader: nothing waits for it.
setTimeout(keepForOffline, 1_000);
