import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { Icon } from "../icons.js";

/**
 * A list of things with a form to make or change one.
 *
 * @template {{id: string, name: string, mine?: boolean}} T
 * @param {{from: {items: import("@preact/signals").Signal<T[] | null>, load: () => Promise<void>,
 *     remove: (item: T) => Promise<void>},
 *   lead: string, none: string, make: string, form: any, line: (item: T) => any}} props
 *   `form` is a component of {item, onDone}; `line` draws what stands beside the name
 */
export function Listing({ from, lead, none, make, form: Form, line }) {
  const edited = useSignal(/** @type {T | "new" | null} */ (null));
  useEffect(() => {
    from.load();
  }, []);
  const items = from.items.value;
  if (edited.value) {
    const item = edited.value === "new" ? null : edited.value;
    return html`<${Form} item=${item} onDone=${() => { edited.value = null; }} />`;
  }
  return html`<p class="muted">${lead}</p>
    ${items?.length === 0 && html`<p class="note">${none}</p>`}
    ${!items && html`<div class="skeleton"><span class="bone"></span><span class="bone short"></span></div>`}
    <ul class="things">${items?.map((item) => html`<li key=${item.id}>
      ${line(item)}
      ${item.mine !== false && html`<div class="thing-acts">
        <button type="button" class="quiet square" title=${t("library.edit")}
          aria-label=${t("library.editLabel", { name: item.name })}
          onClick=${() => { edited.value = item; }}><${Icon} name="edit" /></button>
        <button type="button" class="quiet square" title=${t("list.delete")}
          aria-label=${t("library.deleteLabel", { name: item.name })}
          onClick=${() => from.remove(item)}><${Icon} name="trash" /></button></div>`}
    </li>`)}</ul>
    <div class="buttons"><button type="button" class="primary" onClick=${() => { edited.value = "new"; }}>
      <${Icon} name="plus" />${make}</button></div>`;
}

/**
 * A form that saves, and says why not.
 * @param {{title?: string, save: () => Promise<unknown>, onDone: () => void, children: any}} props
 */
export function Form({ title, save, onDone, children }) {
  const problem = useSignal(/** @type {Error | null} */ (null));
  const busy = useRef(false);
  const onSubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy.current) return; // a second click makes no second thing
    busy.current = true;
    problem.value = null;
    try {
      await save();
      onDone();
    } catch (error) {
      problem.value = /** @type {Error} */ (error);
    } finally {
      busy.current = false;
    }
  };
  return html`<form class="fields" onSubmit=${onSubmit}>
    ${title && html`<h3>${title}</h3>`}
    ${children}
    ${problem.value && html`<p class="note bad" role="alert"><${Icon} name="alert" />
      <span>${explain(problem.value)}</span></p>`}
    <div class="buttons"><button type="button" class="plain" onClick=${onDone}>${t("message.cancel")}</button>
      <button type="submit" class="primary">${t("library.save")}</button></div>
  </form>`;
}
