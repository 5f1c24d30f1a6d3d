// Runs before the first paint: the reader's chosen theme, typeface and language, if any.
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
})();
