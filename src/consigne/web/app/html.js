import htm from "htm";
import { h } from "preact";

/** Templates of the page, as Preact elements. */
export const html = htm.bind(h);
