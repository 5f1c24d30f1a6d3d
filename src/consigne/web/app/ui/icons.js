import { html } from "../html.js";

/** Outlines on a 20-unit square, drawn with the current colour. */
const PATHS = {
  plus: "M10 4v12M4 10h12",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.5 13.5 17 17",
  menu: "M3 5.5h14M3 10h14M3 14.5h14",
  close: "M5 5l10 10M15 5 5 15",
  send: "M10 16V4M5 9l5-5 5 5",
  copy: "M7 7h9v9H7zM4 13V4h9",
  check: "M4 10.5 8.5 15 16 6",
  again: "M16 10a6 6 0 1 1-2-4.5M14.5 2.5v3.5H11",
  edit: "M4 16l1-4 8-8 3 3-8 8zM11.5 5.5l3 3",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6M8.5 9v4.5M11.5 9v4.5",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  down: "M5 8l5 5 5-5",
  dots: "M5 9.6a.4.4 0 1 0 .01 0M10 9.6a.4.4 0 1 0 .01 0M15 9.6a.4.4 0 1 0 .01 0",
  arrowDown: "M10 4v12M5 11l5 5 5-5",
  pin: "M10 12v5M6 12h8M7.5 3h5M8 3v5l-2 4M12 3v5l2 4",
  folder: "M3 5.5h5l1.5 2H17v8H3z",
  project: "M3 6.5h14V16H3zM7 6.5V4h6v2.5M3 10.5h14",
  share: "M11 4h5v5M16 4l-7 7M14 11.5V16H4V6h4.5",
  archive: "M3 4h14v3.5H3zM4.5 7.5V16h11V7.5M8 10.5h4",
  thumb_up: "M3 9h3v8H3zM6 9l4-6c1.6 0 2 1 1.7 2.3L11 8h4.5c1 0 1.6.8 1.4 1.8l-1.2 5.6c-.2 1-.9 1.6-1.9 1.6H6",
  thumb_down: "M3 3h3v8H3zM6 11l4 6c1.6 0 2-1 1.7-2.3L11 12h4.5c1 0 1.6-.8 1.4-1.8l-1.2-5.6c-.2-1-.9-1.6-1.9-1.6H6",
  library: "M3 4h3v13H3zM7.5 4h3v13h-3zM12.5 4.8l2.9-.8L18.5 16l-2.9.8z",
  tools: "M3 6h8M15 6h2M3 14h2M9 14h8M13 4v4M7 12v4",
  picture: "M3 4h14v12H3zM3 13.5l4-4 3.5 3.5 2-2 4.5 4M12.5 7.5h.01",
  panel: "M3 4h14v12H3zM11 4v12",
  download: "M10 3v9M6 8.5l4 4 4-4M4 16h12",
  attach: "M15 9.5l-5 5a3.5 3.5 0 0 1-5-5l6-6a2.3 2.3 0 0 1 3.3 3.3l-6 6a1.1 1.1 0 0 1-1.6-1.6l5.3-5.3",
  file: "M5 3h6l4 4v10H5zM11 3v4h4",
  temporary: "M10 3.5a6.5 6.5 0 0 1 4.6 1.9M16 7.5a6.5 6.5 0 0 1 0 5M14.6 14.6a6.5 6.5 0 0 1-4.6 1.9M7.5 16a6.5 6.5 0 0 1-2.1-1.4M3.9 12.2a6.5 6.5 0 0 1 0-4.4M5.4 5.4a6.5 6.5 0 0 1 2.1-1.4",
  microphone: "M10 3a2.5 2.5 0 0 1 2.5 2.5v4a2.5 2.5 0 0 1-5 0v-4A2.5 2.5 0 0 1 10 3zM5 9.5a5 5 0 0 0 10 0M10 14.5V17",
  speaker: "M3 8v4h3l4 3.5v-11L6 8zM13 7.5a3.5 3.5 0 0 1 0 5M15.5 5.5a6.5 6.5 0 0 1 0 9",
  alert: "M10 3 18 17H2zM10 8v4M10 14.5h.01",
};

/** @param {{name: keyof typeof PATHS}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** The luggage ticket. */
export function Mark() {
  return html`<svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
    <path fill-rule="evenodd" d="M4.5 5h9.25a1.75 1.75 0 0 0 3.5 0h2.25a2.5 2.5 0 0 1 2.5 2.5v9a2.5 2.5 0 0 1-2.5 2.5h-2.25a1.75 1.75 0 0 0-3.5 0H4.5a2.5 2.5 0 0 1-2.5-2.5v-9a2.5 2.5 0 0 1 2.5-2.5zM7.75 9.75a2.25 2.25 0 1 0 0 4.5 2.25 2.25 0 0 0 0-4.5zM14.75 8.75v2.25h1.5v-2.25zM14.75 13v2.25h1.5v-2.25z" />
  </svg>`;
}
