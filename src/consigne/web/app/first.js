// Runs before the first paint: the reader's chosen theme, typeface and language, if any; and asks at
// once for what the page's modules will ask for first: the words, and who is signed in.
(() => {
  const root = document.documentElement;
  const read = (/** @type {string} */ key) => {
    try {
      return localStorage.getItem(`consigne.${key}`);
    } catch {
      return null; // storage is barred: the browser's own preferences hold
    }
  };
  const theme = read("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  if (read("typeface") === "serif") root.dataset.typeface = "serif";
  const language = read("language") ?? navigator.language;
  root.lang = language.toLowerCase().startsWith("fr") ? "fr" : "en";

  const { words, asks } = document.currentScript?.dataset ?? {};
  if (words) {
    const link = Object.assign(document.createElement("link"), { rel: "modulepreload" });
    link.href = `${words}${root.lang}.js`;
    document.head.append(link);
  }
  if (asks && !location.hash.startsWith("#token=")) {
    const answer = fetch(asks, { headers: { accept: "application/json" } });
    answer.catch(() => {}); // whoever takes the answer learns of it
    Object.assign(globalThis, { asked: { path: asks, answer } });
  }
})();
