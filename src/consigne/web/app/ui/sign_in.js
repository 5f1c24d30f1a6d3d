import { useSignal } from "@preact/signals";

import { html } from "../html.js";
import { chooseLanguage, language, LANGUAGES, t } from "../i18n.js";
import { languageName } from "../format.js";
import { signIn, signInError } from "../state/session.js";
import { Icon, Mark } from "./icons.js";

/** The page for who is not signed in: what a sign-in link is and how to get one. */
export function SignIn() {
  const link = useSignal("");
  const onSubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (link.value.trim()) signIn(link.value);
  };
  const problem = signInError.value;
  return html`<main class="sign-in">
    <div class="sign-in-card">
      <p class="brand"><${Mark} /> Consigne</p>
      <h1>${t("signIn.title")}</h1>
      ${problem && html`<p class="note bad" role="alert">
        <${Icon} name="alert" />
        <span>${t(problem.status === 401 ? "signIn.refused" : "signIn.unreachable")}</span>
      </p>`}
      <p>${t("signIn.lead")}</p>
      <p>${t("signIn.how")}</p>
      <pre class="command" tabindex="0"><code>consigne users link</code></pre>
      <form onSubmit=${onSubmit}>
        <label class="field">
          <span>${t("signIn.link")}</span>
          <input type="text" autocomplete="off" spellcheck=${false} placeholder="http://…/#token=…"
            value=${link} onInput=${(/** @type {any} */ event) => { link.value = event.target.value; }} />
        </label>
        <button type="submit" class="primary">${t("signIn.button")}</button>
      </form>
      <p class="muted">${t("signIn.ask")}</p>
    </div>
    <p class="languages">
      ${LANGUAGES.map((code) => html`<button type="button" class="link" key=${code} lang=${code}
        aria-pressed=${code === language.value} onClick=${() => chooseLanguage(code)}>
        ${ownName(code)}</button>`)}
    </p>
  </main>`;
}

/**
 * A language's name in itself.
 * @param {string} code
 */
export function ownName(code) {
  const name = languageName(code, code);
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
}
