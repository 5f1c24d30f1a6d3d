import { parser } from "./render.js";

/** @typedef {import("markdown-it").Token} Token */

/**
 * Markdown as text that needs no renderer: without marks, lists with theirs, tables by tabs.
 * @param {string} markdown
 */
export function plain(markdown) {
  let text = "";
  /** Open lists: the number of the next item, or none. @type {(number | null)[]} */
  const lists = [];
  for (const token of parser.parse(markdown, {})) {
    switch (token.type) {
      case "bullet_list_open":
        lists.push(null);
        break;
      case "ordered_list_open":
        lists.push(Number(token.attrGet("start") ?? 1));
        break;
      case "bullet_list_close":
      case "ordered_list_close":
        lists.pop();
        if (!lists.length) text += "\n";
        break;
      case "list_item_open":
        text += "  ".repeat(lists.length - 1) + marker(lists);
        break;
      case "th_close":
      case "td_close":
        text += "\t";
        break;
      case "tr_close":
        text = `${text.replace(/\t$/, "")}\n`;
        break;
      case "inline":
        text += inline(token.children ?? []);
        break;
      case "heading_close":
      case "paragraph_close":
        text += lists.length ? "\n" : "\n\n";
        break;
      case "table_close":
        text += "\n";
        break;
      default:
        if (token.content) text += `${token.content.replace(/\n$/, "")}\n\n`;
    }
  }
  return text.replace(/\n{3,}/g, "\n\n").trim();
}

/** @param {(number | null)[]} lists */
function marker(lists) {
  const number = lists.at(-1);
  if (typeof number !== "number") return "- ";
  lists[lists.length - 1] = number + 1;
  return `${number}. `;
}

/** @param {Token[]} tokens */
function inline(tokens) {
  return tokens.map((token) => (/break$/.test(token.type) ? "\n" : token.content)).join("");
}
