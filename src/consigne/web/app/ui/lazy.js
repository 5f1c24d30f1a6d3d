import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { toast } from "../state/toasts.js";

/**
 * A component whose code comes when it is first shown.
 * @param {() => Promise<any>} load gives the component
 */
export function lazy(load) {
  const loaded = signal(/** @type {{Part: any} | null} */ (null));
  return (/** @type {Record<string, any>} */ props) => {
    useEffect(() => {
      if (loaded.peek()) return;
      load().then((Part) => { loaded.value = { Part }; }, () => toast(t("app.notLoaded")));
    }, []);
    return loaded.value && html`<${loaded.value.Part} ...${props} />`;
  };
}
