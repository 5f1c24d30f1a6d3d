import { html } from "../html.js";
import { overlay } from "../state/look.js";
import { sharing } from "../state/shares.js";
import { Late } from "./late.js";

/** What is shared by a link. */
export function ShareDialogs() {
  return (sharing.value || overlay.value === "shares")
    && html`<${Late} from=${() => import("./share/dialogs.js")} name="Dialogs" />`;
}
