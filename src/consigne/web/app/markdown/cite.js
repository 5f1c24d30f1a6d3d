/**
 * Turn the numbers of sources, such as `[2]`, into links; code is left as it is.
 *
 * @param {string} text markdown
 * @param {import("../types.js").Source[]} sources
 */
export function cited(text, sources) {
  if (!sources.length) return text;
  const links = new Map(sources.map(({ number, url }) => [String(number), escaped(url)]));
  return text.replace(
    /(```[\s\S]*?(?:```|$)|`[^`\n]*`)|\[(\d{1,3})\](?![([:])/g,
    (whole, code, number) => {
      const url = code === undefined && links.get(number);
      // Brackets as entities: with backslashes they would begin maths.
      return url ? `[&#91;${number}&#93;](<${url}>)` : whole;
    },
  );
}

/** @param {string} url */
function escaped(url) {
  return url.replace(/[<>\\\s]/g, encodeURIComponent);
}
