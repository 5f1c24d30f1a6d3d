import { signal } from "@preact/signals";

/** Which Python there is for programs in answers, if the operator installed any. */
export const python = signal(/** @type {string | null} */ (null));
