import { useLayoutEffect, useRef } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icons.js";

/**
 * Something that covers the page until it is closed; focus stays in it and then goes back.
 * @param {{label: string, kind: string, title?: string, onClose: () => void, children: any}} props
 */
export function Dialog({ label, kind, title, onClose, children }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => {
      // Else the cursor stays where the panel was, and what is typed then goes nowhere.
      if (shown?.contains(document.activeElement)) getSelection()?.removeAllRanges();
      shown?.close();
    };
  }, []);
  const onPointerDown = (/** @type {PointerEvent} */ event) => {
    if (event.target === dialog.current) onClose();
  };
  const onCancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
  };
  return html`<dialog class="dialog ${kind}" ref=${dialog} aria-label=${label}
    onCancel=${onCancel} onPointerDown=${onPointerDown}>
    <div class="dialog-body">
      ${title && html`<header class="dialog-head">
        <h2>${title}</h2>
        <button type="button" class="quiet square" aria-label=${t("app.close")} onClick=${onClose}>
          <${Icon} name="close" />
        </button>
      </header>`}
      ${children}
    </div>
  </dialog>`;
}
