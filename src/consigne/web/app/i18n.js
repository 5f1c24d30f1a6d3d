import { computed, signal } from "@preact/signals";

import { storage } from "./storage.js";

/** @typedef {"en" | "fr"} Language */

/** @type {Language[]} */
export const LANGUAGES = ["en", "fr"];

export const language = signal(
  /** @type {Language} */ (document.documentElement.lang === "fr" ? "fr" : "en"),
);

/** The language with the reader's own country, where the browser names it: "en-GB". */
export const locale = computed(() =>
  navigator.languages.find((known) => known.split("-")[0] === language.value) ?? language.value,
);

/** @type {import("@preact/signals").Signal<Record<string, string>>} */
const dictionary = signal({});

/** Load the words of the current language. */
export async function loadLanguage() {
  const words = await import(`../i18n/${language.peek()}.js`);
  document.documentElement.lang = language.peek();
  dictionary.value = words.default;
}

/** @param {Language} chosen */
export function chooseLanguage(chosen) {
  storage.set("language", chosen);
  language.value = chosen;
  return loadLanguage();
}

/**
 * The words for `key`. With a `count`, the key's form for that number is taken (`key.one`,
 * `key.other`); `{name}` is replaced by `values.name`.
 *
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const words = dictionary.value;
  const form = "count" in values ? `${key}.${plural(Number(values.count))}` : key;
  const text = words[form] ?? words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Whether there are words for `key`.
 * @param {string} key
 */
export function has(key) {
  return key in dictionary.value;
}

/** @param {number} count */
function plural(count) {
  return new Intl.PluralRules(language.value).select(count) === "one" ? "one" : "other";
}

/**
 * What went wrong, for the reader: our own words for a known code, else the server's.
 * @param {{code?: string, message?: string, again?: Date | null} | null | undefined} error
 */
export function explain(error) {
  const key = `error.${error?.code}`;
  if (error?.again && error.code === "rate_limited") {
    const time = new Intl.DateTimeFormat(locale.value, { timeStyle: "short" }).format(error.again);
    return t("error.rate_limited.at", { time });
  }
  return has(key) ? t(key) : error?.message || t("error.internal_error");
}
