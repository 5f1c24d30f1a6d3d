/** Code, or the numbers of sources in brackets that no address, title or definition follows. */
const MARK = /(```[\s\S]*?(?:```|$)|`[^`\n]*`)|\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\](?![(:]|\[(?!\d[\d\s,]*\]))/g;

/**
 * Turn the numbers of sources, such as `[2]`, `[1][2]` and `[1, 2]`, into links; code is left as it is.
 *
 * @param {string} text markdown
 * @param {import("../types.js").Source[]} sources
 */
export function cited(text, sources) {
  if (!sources.length) return text;
  const links = new Map(sources.map(({ number, url }) => [String(number), escaped(url)]));
  return text.replace(MARK, (whole, code, list) => {
    const numbers = code === undefined ? list.split(/\s*,\s*/) : [];
    if (!numbers.some((/** @type {string} */ number) => links.has(number))) return whole;
    return numbers.map((/** @type {string} */ number) => {
      const url = links.get(number);
      // Brackets as entities: with backslashes they would begin maths.
      return url ? `[&#91;${number}&#93;](<${url}>)` : `[${number}]`;
    }).join("");
  });
}

/** @param {string} url */
function escaped(url) {
  return url.replace(/[<>\\\s]/g, encodeURIComponent);
}
