import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { exactTime } from "../../format.js";
import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { copyText } from "../../platform.js";
import { followLink } from "../../router.js";
import { overlay } from "../../state/look.js";
import { addressOf, enabled, loadShares, revoke, share, shares, sharing } from "../../state/shares.js";
import { toast } from "../../state/toasts.js";
import { Dialog } from "../dialog.js";
import { Icon } from "../icons.js";

/** @typedef {import("../../state/shares.js").Share} Share */

/** One conversation's link, or all links. */
export function Dialogs() {
  useEffect(() => {
    loadShares();
  }, []);
  return sharing.value ? html`<${ShareDialog} item=${sharing.value} />` : html`<${AllDialog} />`;
}

/** @param {{item: import("../../types.js").Conversation}} props */
function ShareDialog({ item }) {
  const problem = useSignal(/** @type {Error | null} */ (null));
  const close = () => { sharing.value = null; };
  const link = shares.value?.find((one) => one.conversation_id === item.id);
  const busy = useSignal(false);
  const take = async () => {
    problem.value = null;
    busy.value = true;
    await share(item.id).catch((error) => { problem.value = error; });
    busy.value = false;
  };
  return html`<${Dialog} kind="sheet narrow" label=${t("share.title")} title=${t("share.title")} onClose=${close}>
    <div class="fields">
      <p class="muted" dir="auto">${item.title || t("list.untitled")}</p>
      <p>${t(enabled.value ? "share.lead" : "share.off")}</p>
      ${!shares.value && html`<div class="skeleton"><span class="bone"></span></div>`}
      ${link && html`<${Address} link=${link} />
        <p class="muted small">${t("share.taken", { time: exactTime(link.updated_at) })}
          ${link.behind && ` ${t("share.behind")}`}</p>`}
      ${problem.value && html`<p class="note bad" role="alert"><${Icon} name="alert" />
        <span>${"code" in problem.value && problem.value.code === "conflict"
          ? t("share.writing") : explain(problem.value)}</span></p>`}
      <div class="buttons">
        ${link && html`<button type="button" class="plain bad" onClick=${() => revoke(link)}>${t("share.revoke")}</button>`}
        ${enabled.value && shares.value && html`<button type="button" class=${link ? "plain" : "primary"}
          disabled=${busy.value} onClick=${take}>${t(link ? "share.update" : "share.make")}</button>`}
      </div>
    </div>
  <//>`;
}

/** @param {{link: Share}} props */
function Address({ link }) {
  const copy = async () => {
    if (await copyText(addressOf(link))) toast(t("share.copied"));
  };
  return html`<div class="one-line"><input type="text" readonly value=${addressOf(link)}
      aria-label=${t("share.address")} onFocus=${(/** @type {any} */ event) => event.target.select()} />
    <button type="button" class="primary" onClick=${copy}>${t("message.copy")}</button></div>`;
}

/** All links of the person. */
function AllDialog() {
  const close = () => { overlay.value = ""; };
  const list = shares.value;
  return html`<${Dialog} kind="sheet" label=${t("share.all")} title=${t("share.all")} onClose=${close}>
    <p class="muted">${t(enabled.value ? "share.allLead" : "share.off")}</p>
    ${list?.length === 0 && html`<p class="note">${t("share.none")}</p>`}
    ${!list && html`<div class="skeleton"><span class="bone"></span><span class="bone short"></span></div>`}
    <ul class="things">${list?.map((link) => html`<${Line} key=${link.id} link=${link} onLeave=${close} />`)}</ul>
  <//>`;
}

/** @param {{link: Share, onLeave: () => void}} props */
function Line({ link, onLeave }) {
  const title = link.title || t("list.untitled");
  const onClick = (/** @type {MouseEvent} */ event) => {
    followLink(event, link.conversation_id);
    if (event.defaultPrevented) onLeave();
  };
  const copy = async () => {
    if (await copyText(addressOf(link))) toast(t("share.copied"));
  };
  return html`<li><div class="thing-text">
      <a href=${`/c/${link.conversation_id}`} dir="auto" onClick=${onClick}>${title}</a>
      <span class="muted small">${t("share.taken", { time: exactTime(link.updated_at) })}
        ${link.behind && ` ${t("share.behind")}`}</span></div>
    <div class="thing-acts">
    <button type="button" class="quiet square" title=${t("share.copy")}
      aria-label=${t("share.copyLabel", { title })} onClick=${copy}><${Icon} name="copy" /></button>
    <a class="quiet square button" title=${t("share.open")} target="_blank" rel="noopener noreferrer"
      aria-label=${t("share.openLabel", { title })} href=${link.path}><${Icon} name="share" /></a>
    <button type="button" class="plain" aria-label=${t("share.revokeLabel", { title })}
      onClick=${() => revoke(link)}>${t("share.revoke")}</button></div>
  </li>`;
}
