import { html } from "../html.js";
import { chooseLanguage, language, LANGUAGES, t } from "../i18n.js";
import { chooseTheme, chooseTypeface, overlay, theme, typeface } from "../state/look.js";
import { session, signOut } from "../state/session.js";
import { chooseImport, exportEverything } from "../state/transfers.js";
import { Icon } from "./icons.js";
import { Menu, MenuItem } from "./menu.js";
import { ownName } from "./sign_in.js";
import { UsageItem } from "./usage_door.js";

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);
const TYPEFACES = /** @type {const} */ (["sans", "serif"]);

/** The person, at the foot of the sidebar; opens their settings. */
export function Account() {
  const user = session.value?.user;
  if (!user) return null;
  const name = user.name || user.email || user.id;
  const button = html`<span class="initial" data-initial=${name.charAt(0).toUpperCase()}></span>
    <span class="account-name">${name}</span> <span class="unseen">${t("account.menu")}</span>`;
  return html`<${Menu} worded label=${t("account.menu")} button=${button} buttonClass="quiet account" side="up">
    <${Choices} label=${t("account.theme")} values=${THEMES} chosen=${theme.value}
      name=${(/** @type {string} */ value) => t(`account.theme.${value}`)} onChoose=${chooseTheme} />
    <${Choices} label=${t("account.typeface")} values=${TYPEFACES} chosen=${typeface.value}
      name=${(/** @type {string} */ value) => t(`account.typeface.${value}`)}
      onChoose=${chooseTypeface} />
    <${Choices} label=${t("account.language")} values=${LANGUAGES} chosen=${language.value}
      name=${ownName} onChoose=${chooseLanguage} />
    <hr />
    <${MenuItem} onSelect=${() => { overlay.value = "shares"; }}><span class="menu-text">${t("share.all")}</span><//>
    <${UsageItem} />
    <${MenuItem} onSelect=${chooseImport}><span class="menu-text">${t("transfer.import")}</span><//>
    <${MenuItem} onSelect=${exportEverything}><span class="menu-text">${t("transfer.everything")}</span><//>
    <${MenuItem} onSelect=${signOut}><span class="menu-text">${t("account.signOut")}</span><//>
  <//>`;
}

/**
 * @param {{label: string, values: readonly string[], chosen: string,
 *   name: (value: string) => string, onChoose: (value: any) => void}} props
 */
function Choices({ label, values, chosen, name, onChoose }) {
  return html`<div role="group" class="menu-group" aria-label=${label}>
    <p class="menu-label" aria-hidden="true">${label}</p>
    ${values.map((value) => html`<${MenuItem} key=${value} stay checked=${value === chosen}
      onSelect=${() => onChoose(value)}>
      <span class="menu-text">${name(value)}</span>
      ${value === chosen && html`<${Icon} name="check" />`}
    <//>`)}
  </div>`;
}
