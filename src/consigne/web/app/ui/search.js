import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { request } from "../api.js";
import { dayGroup, exactTime } from "../format.js";
import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { go, openAt, openId } from "../router.js";
import { overlay } from "../state/look.js";
import { lookedFor } from "../state/search.js";
import { seek } from "../state/thread.js";
import { toast } from "../state/toasts.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

/**
 * @typedef {import("../types.js").Found} Found
 * @typedef {import("../types.js").Hit} Hit
 * @typedef {{id: string, conversation: string, message: string | null, hit?: Hit, title: string}} Place
 */

const TYPING_PAUSE_MS = 120;

/** Finds a conversation by its title and a message by its words. */
export function SearchDialog() {
  const words = useSignal(lookedFor.peek());
  const found = useSignal(/** @type {Found | null} */ (null));
  const problem = useSignal(/** @type {Error | null} */ (null));
  const chosen = useSignal(0);
  const panel = useRef(/** @type {HTMLElement | null} */ (null));
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const wanted = words.value.trim();

  useLayoutEffect(() => field.current?.select(), []);
  useEffect(() => {
    lookedFor.value = words.peek();
    if (!wanted) {
      found.value = null;
      return undefined;
    }
    let current = true;
    const timer = setTimeout(async () => {
      try {
        const answer = await request("GET", `/api/search?${new URLSearchParams({ query: words.peek() })}`);
        if (current) [found.value, problem.value] = [answer, null];
      } catch (error) {
        if (current) problem.value = /** @type {Error} */ (error);
      }
    }, TYPING_PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [words.value]);

  const places = found.value ? placesOf(found.value) : [];
  const at = Math.min(chosen.value, places.length - 1);
  useEffect(() => {
    panel.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, found.value]);
  const close = () => { overlay.value = ""; };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && places.length) chosen.value = (at + step + places.length) % places.length;
    else if (event.key === "Enter" && places[at]) visit(places[at]);
    else return;
    event.preventDefault();
  };
  const onInput = (/** @type {any} */ event) => {
    words.value = event.target.value;
    chosen.value = 0;
  };
  return html`<${Dialog} kind="palette search-dialog" label=${t("search.label")} onClose=${close}>
    <div class="search-field"><${Icon} name="search" />
      <input type="text" enterkeyhint="search" role="combobox" aria-expanded=${places.length > 0} ref=${field} autofocus
        aria-controls="search-list" autocomplete="off" spellcheck=${false} aria-label=${t("search.label")}
        aria-activedescendant=${places[at] && `found-${places[at].id}`} value=${words}
        placeholder=${t("search.placeholder")} onInput=${onInput} onKeyDown=${onKeyDown} />
      <button type="button" class="quiet square" aria-label=${t("app.close")} onClick=${close}>
        <${Icon} name="close" /></button></div>
    ${problem.value && html`<p class="note bad" role="alert">${explain(problem.value)}</p>`}
    <div id="search-list" role="listbox" ref=${panel} aria-label=${t("search.results")}>
      ${places.map((place, index) => html`<${Result} key=${place.id} place=${place}
        chosen=${index === at} onPoint=${() => { chosen.value = index; }} />`)}
    </div>
    <p class="muted small pad" role="status">${said(wanted, found.value)}</p>
  <//>`;
}

/**
 * @param {string} wanted
 * @param {Found | null} found
 */
function said(wanted, found) {
  if (!wanted) return t("search.hint");
  if (!found) return "";
  const count = found.conversations.length + found.messages.length;
  if (!count) return t("list.nothing", { query: wanted });
  return found.more ? t("search.more", { n: found.messages.length }) : t("search.count", { count });
}

/**
 * @param {Found} found
 * @returns {Place[]}
 */
function placesOf(found) {
  const titled = found.conversations.map(({ id, title }) => (
    { id, conversation: id, message: null, title }));
  const said = found.messages.map((hit) => ({
    id: hit.message_id, conversation: hit.conversation_id, message: hit.message_id, hit, title: hit.title,
  }));
  return [...titled, ...said];
}

/** @param {{place: Place, chosen: boolean, onPoint: () => void}} props */
function Result({ place, chosen, onPoint }) {
  const { hit } = place;
  return html`<div id=${`found-${place.id}`} role="option" aria-selected=${chosen} class="result"
    onClick=${() => visit(place)} onPointerMove=${onPoint}>
    <span class="result-title" dir="auto">${place.title || t("list.untitled")}</span>
    ${hit && html`<span class="muted small result-where" title=${exactTime(hit.created_at)}>
      ${t(hit.role === "user" ? "message.you" : "message.answer")} · ${dayGroup(hit.created_at)}
      ${hit.archived && html` · ${t("search.archived")}`}</span>
    <span class="snippet" dir="auto">${hit.snippet.map((piece) =>
      (piece.hit ? html`<mark>${piece.text}</mark>` : piece.text))}</span>`}
  </div>`;
}

/** @param {Place} place */
function visit(place) {
  overlay.value = "";
  const there = openId.peek() === place.conversation && openAt.peek() === place.message;
  go(place.conversation, { at: place.message });
  if (there && place.message) seek(place.message).catch((error) => toast(explain(error)));
}
