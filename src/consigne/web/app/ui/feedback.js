import { html } from "../html.js";
import { explain, t } from "../i18n.js";
import { openId } from "../router.js";
import { explaining, opinions, rate, takeBack } from "../state/feedback.js";
import { toast } from "../state/toasts.js";
import { Icon } from "./icons.js";

/** @typedef {import("../state/feedback.js").Rating} Rating */

/** Says whether an answer is good; pressed again, it takes that back. @param {{id: string}} props */
export function Thumbs({ id }) {
  const given = opinions.value[id]?.rating;
  const press = (/** @type {Rating} */ rating) => {
    const where = openId.peek();
    const ask = () => { if (openId.peek() === where) explaining.value = id; };
    const done = given === rating ? takeBack(id) : rate(id, rating).then(ask);
    done.catch((error) => toast(explain(error)));
  };
  return html`<${Thumb} name="up" label=${t("feedback.up")} pressed=${given === "up"}
      onClick=${() => press("up")} />
    <${Thumb} name="down" label=${t("feedback.down")} pressed=${given === "down"}
      onClick=${() => press("down")} />`;
}

/** @param {{name: Rating, label: string, pressed: boolean, onClick: () => void}} props */
function Thumb({ name, label, pressed, onClick }) {
  return html`<button type="button" class="quiet square action thumb" aria-label=${label} title=${label}
    aria-pressed=${pressed} onClick=${onClick}><${Icon} name=${`thumb_${name}`} /></button>`;
}
