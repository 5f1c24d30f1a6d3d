import { html } from "../html.js";
import { t } from "../i18n.js";
import { offline, outdated } from "../state/connection.js";
import { retry } from "../state/session.js";
import { Icon, Mark } from "./icons.js";

/** In place of the page where the service can't be reached as it opens. */
export function Unreachable() {
  return html`<main class="sign-in">
    <div class="sign-in-card" role="status">
      <p class="brand"><${Mark} /> Consigne</p>
      <h1>${t(offline.value ? "offline.title" : "offline.unreachable")}</h1>
      <p>${t("offline.lead")}</p>
      <p><button type="button" class="primary" onClick=${retry}>${t("app.retry")}</button></p>
    </div>
  </main>`;
}

/** Says that there is no network, or that a newer version is ready. */
export function ConnectionNotice() {
  if (offline.value) {
    return html`<p class="connection" role="status"><${Icon} name="alert" />
      <span>${t("offline.notice")}</span></p>`;
  }
  if (!outdated.value) return null;
  return html`<p class="connection" role="status"><span>${t("version.ready")}</span>
    <button type="button" class="link" onClick=${() => location.reload()}>${t("version.reload")}</button></p>`;
}
