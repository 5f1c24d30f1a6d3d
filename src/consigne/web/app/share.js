import { render } from "preact";

import { html } from "./html.js";
import { loadLanguage } from "./i18n.js";
import { SharedPage } from "./ui/share/shared.js";

// The page /share/…: a conversation, to read.
await loadLanguage();
render(html`<${SharedPage} token=${location.pathname.split("/")[2]} />`,
  /** @type {Element} */ (document.getElementById("app")));
