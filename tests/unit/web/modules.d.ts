// Modules of the page's import map that come without types of their own.
declare module "highlight.js";
declare module "katex";
declare module "highlight.js/languages/*";
