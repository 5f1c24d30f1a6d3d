/** Scripts that one language alone, or one far more than others, is written in. */
const SCRIPTS = Object.entries({
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}]/gu,
  zh: /\p{Script=Han}/gu,
  ko: /\p{Script=Hangul}/gu,
  ar: /\p{Script=Arabic}/gu,
  he: /\p{Script=Hebrew}/gu,
  ru: /\p{Script=Cyrillic}/gu,
  el: /\p{Script=Greek}/gu,
  hi: /\p{Script=Devanagari}/gu,
  th: /\p{Script=Thai}/gu,
});

/** Frequent short words that the other languages here do not have. */
const WORDS = Object.entries({
  en: "the and of is are was with that this you for it from not have which",
  fr: "le les des est et une dans pour vous que qui sur avec pas du ce au",
  de: "der die das und ist nicht mit den von ein eine für auf sich dem",
  es: "el los las y es una por con del para que pero como más",
  it: "il gli che è di della per con non una sono nel alla",
  pt: "o os as é uma não com para do da em mais dos",
  nl: "de het een en van is niet met voor dat zijn op",
}).map(([language, words]) => /** @type {const} */ ([language, new Set(words.split(" "))]));

const LOOKED_AT = 2_000;
const LEAST_WORDS = 3;

/**
 * The language that a text is most probably written in, if it is one of a few.
 * @param {string} text
 */
export function languageOf(text) {
  const start = text.slice(0, LOOKED_AT);
  const letters = start.match(/\p{Letter}/gu)?.length ?? 0;
  for (const [language, script] of SCRIPTS) {
    if ((start.match(script)?.length ?? 0) > letters / 4) return language;
  }
  const words = start.toLowerCase().match(/\p{Letter}+/gu) ?? [];
  const counts = WORDS.map(([language, known]) => ({
    language, count: words.filter((word) => known.has(word)).length,
  })).sort((one, other) => other.count - one.count);
  const [best, next] = counts;
  return best.count >= LEAST_WORDS && best.count > next.count ? best.language : undefined;
}
