import { useEffect } from "preact/hooks";

import { html } from "../html.js";
import { t } from "../i18n.js";
import { overlay } from "../state/look.js";
import { gallery, loadPictures, olderPictures } from "../state/pictures.js";
import { Dialog } from "./dialog.js";
import { PictureActs } from "./pictures.js";

/** One's pictures, the newest first. */
export function GalleryDialog() {
  useEffect(() => {
    loadPictures();
  }, []);
  const pictures = gallery.value;
  return html`<${Dialog} kind="sheet gallery" label=${t("picture.gallery")}
    title=${t("picture.gallery")} onClose=${() => { overlay.value = ""; }}>
    ${pictures?.length === 0 && html`<p class="muted">${t("picture.none")}</p>`}
    ${!pictures && html`<div class="skeleton"><span class="bone"></span></div>`}
    <ul class="picture-grid">${pictures?.map((picture) => html`<li key=${picture.id}>
      <figure class="picture"><img loading="lazy" src=${`/api/pictures/${picture.id}/file`}
        width=${picture.width} height=${picture.height} alt=${picture.prompt} />
        <${PictureActs} id=${picture.id} known=${picture} /></figure></li>`)}</ul>
    ${olderPictures.value && html`<button type="button" class="plain older"
      onClick=${() => loadPictures(true)}>${t("list.more")}</button>`}
  <//>`;
}
