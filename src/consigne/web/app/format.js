import { language, locale, t } from "./i18n.js";

/**
 * A size with its unit: "1.1 GB", « 1,1 Go ».
 * @param {number} bytes
 */
export function size(bytes) {
  const steps = /** @type {const} */ ([["gigabyte", 1e9], ["megabyte", 1e6], ["kilobyte", 1e3]]);
  const [unit, scale] = steps.find(([, floor]) => bytes >= floor) ?? ["byte", 1];
  const digits = unit === "gigabyte" ? 1 : 0;
  return new Intl.NumberFormat(locale.value, {
    style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", // "5 byte" is no plural
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  }).format(bytes / scale);
}

/**
 * The machine's memory, in the units it is sold by.
 * @param {number} bytes
 */
export function memory(bytes) {
  return size(Math.round(bytes / 2 ** 30) * 1e9).replace(/[.,]0(?=\D)/, "");
}

/**
 * A date in words.
 * @param {string} date YYYY-MM-DD
 */
export function day(date) {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "long", timeZone: "UTC" })
    .format(new Date(date));
}

/**
 * The local day of a moment, in words.
 * @param {string} time RFC 3339
 */
export function dayOf(time) {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "long" }).format(new Date(time));
}

/**
 * A count of parameters: "1.7 B", « 1,7 Md ».
 * @param {number} parameters
 */
export function parameters(parameters) {
  const [key, scale] = parameters >= 1e9 ? ["number.billion", 1e9] : ["number.million", 1e6];
  return t(key, { n: number(parameters / scale, 1) });
}

/**
 * @param {number} value
 * @param {number} [digits]
 */
export function number(value, digits = 0) {
  return new Intl.NumberFormat(locale.value, { maximumFractionDigits: digits }).format(value);
}

/**
 * How fast a model writes, in the words of `key`: a decimal where it tells something.
 * @param {string} key
 * @param {number} perSecond tokens
 */
export function pace(key, perSecond) {
  const digits = perSecond < 10 ? 1 : 0;
  return t(key, { n: number(perSecond, digits), count: Number(perSecond.toFixed(digits)) });
}

/**
 * An amount of money: "$1.50", « 1,50 $ ».
 * @param {number} micros millionths of the currency
 * @param {string} currency three letters
 */
export function money(micros, currency) {
  return new Intl.NumberFormat(locale.value, {
    style: "currency", currency, minimumFractionDigits: 2, maximumFractionDigits: 4,
  }).format(micros / 1e6);
}

/**
 * A time still to wait, rounded as one would say it.
 * @param {number} seconds
 */
export function wait(seconds) {
  const [unit, count] = seconds < 60 ? ["second", Math.max(1, Math.round(seconds))]
    : seconds < 5400 ? ["minute", Math.round(seconds / 60)] : ["hour", Math.round(seconds / 3600)];
  return new Intl.NumberFormat(locale.value, {
    style: "unit", unit, unitDisplay: "long",
  }).format(count);
}

/**
 * The exact local time.
 * @param {string} time RFC 3339
 */
export function exactTime(time) {
  return new Intl.DateTimeFormat(locale.value, {
    dateStyle: "full", timeStyle: "medium",
  }).format(new Date(time));
}

/**
 * The heading under which a conversation of that day stands in the list.
 * @param {string} time RFC 3339
 * @param {Date} [today]
 */
export function dayGroup(time, today = new Date()) {
  const then = new Date(time);
  const midnight = new Date(today.getFullYear(), today.getMonth(), today.getDate());
  const days = Math.ceil((midnight.getTime() - then.getTime()) / 86_400_000);
  if (days <= 0) return t("day.today");
  if (days === 1) return t("day.yesterday");
  if (days <= 7) return t("day.week");
  const month = new Intl.DateTimeFormat(locale.value, { month: "long", year: "numeric" });
  const name = month.format(then);
  return name.charAt(0).toLocaleUpperCase(language.value) + name.slice(1);
}

/**
 * The name of a language, in the reader's own unless another is asked for.
 * @param {string} code BCP 47
 * @param {string} [within] BCP 47
 */
export function languageName(code, within = language.value) {
  try {
    return new Intl.DisplayNames(within, { type: "language" }).of(code) ?? code;
  } catch {
    return code; // not a code: shown as it came
  }
}
