import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { html } from "../html.js";
import { explain } from "../i18n.js";
import { toast } from "../state/toasts.js";

/**
 * A part of the page whose code comes when it is first drawn.
 * @param {{from: () => Promise<any>, name: string, instead?: any}} props `name` is the part's in the
 *   module; `instead` stands in its place meanwhile
 */
export function Late({ from, name, instead = null }) {
  const loaded = useSignal(/** @type {{Part: any} | null} */ (null));
  useEffect(() => {
    from().then(
      (found) => { loaded.value = { Part: found[name] }; },
      () => toast(explain({ code: "unreachable" })),
    );
  }, []);
  return loaded.value ? html`<${loaded.value.Part} />` : instead;
}
