import { useEffect } from "preact/hooks";

import { day, money, number } from "../../format.js";
import { html } from "../../html.js";
import { t } from "../../i18n.js";
import { overlay } from "../../state/look.js";
import { DAYS, loadUsage, usage } from "../../state/usage.js";
import { Dialog } from "../dialog.js";

/**
 * @typedef {import("../../state/usage.js").Report} Report
 * @typedef {import("../../state/usage.js").Sum} Sum
 */

const BAR = 10;
const HEIGHT = 96;
const DAY_MS = 86_400_000;

/** What the organisation used in the last days. */
export function UsageDialog() {
  useEffect(() => {
    loadUsage();
  }, []);
  const found = usage.value;
  return html`<${Dialog} kind="sheet usage" label=${t("usage.title")} title=${t("usage.title")}
    onClose=${() => { overlay.value = ""; }}>
    <p class="muted">${t("usage.lead", { days: DAYS })}</p>
    ${!found && html`<div class="skeleton"><span class="bone panel"></span></div>`}
    ${found && !found.day.rows.length && html`<p class="note">${t("usage.none")}</p>`}
    ${found && found.day.rows.length > 0 && html`<${Days} report=${found.day} />
      <${Table} title=${t("usage.byModel")} report=${found.model} />
      <${Table} title=${t("usage.byKey")} report=${found.key} unnamed=${t("usage.chat")} />`}
  <//>`;
}

/** The requests of each day as bars. @param {{report: Report}} props */
function Days({ report }) {
  const known = new Map(report.rows.map((row) => [row.id, row.requests]));
  const first = Date.parse(report.since);
  const days = Array.from({ length: DAYS }, (_, at) =>
    new Date(first + at * DAY_MS).toISOString().slice(0, 10));
  const most = Math.max(...known.values());
  const height = (/** @type {number} */ count) =>
    count && Math.max(1, Math.round((HEIGHT * count) / most));
  const told = t("usage.chart", {
    requests: number(report.total.requests), most: number(most), days: DAYS,
  });
  return html`<figure class="usage-days">
    <svg viewBox=${`0 0 ${BAR * DAYS} ${HEIGHT}`} role="img" aria-label=${told} preserveAspectRatio="none">
      ${days.map((date, at) => {
        const count = known.get(date) ?? 0;
        return html`<rect key=${date} x=${at * BAR + 1} width=${BAR - 2} rx="1"
          y=${HEIGHT - height(count)} height=${height(count)}>
          <title>${t("usage.day", { day: day(date), requests: number(count) })}</title></rect>`;
      })}
    </svg>
    <figcaption class="muted small"><span>${day(days[0])}</span> <span>${told}</span>
      <span>${day(days[DAYS - 1])}</span></figcaption>
  </figure>`;
}

/** @param {{title: string, report: Report, unnamed?: string}} props */
function Table({ title, report, unnamed = "" }) {
  const costs = report.total.cost !== null;
  const most = Math.max(...report.rows.map((row) => row.requests));
  const cells = (/** @type {Sum} */ row) => html`
    <td>${number(row.requests)}</td><td>${number(row.input_tokens)}</td>
    <td>${number(row.output_tokens)}</td>
    ${costs && html`<td>${row.cost === null ? "–" : money(row.cost, report.currency)}</td>`}`;
  return html`<section class="usage-table" tabindex="0" aria-label=${title}><table>
    <caption>${title}</caption>
    <thead><tr><th scope="col"><span class="unseen">${t("usage.name")}</span></th>
      ${["requests", "read", "written", ...(costs ? ["cost"] : [])].map((name) => html`
        <th scope="col" key=${name}>${t(`usage.${name}`)}</th>`)}</tr></thead>
    <tbody>${report.rows.map((row) => html`<tr key=${row.id}>
      <th scope="row"><span dir="auto">${row.name || unnamed}</span>
        <svg class="usage-share" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect width=${(100 * row.requests) / most} height="4" rx="1" /></svg></th>
      ${cells(row)}</tr>`)}</tbody>
    <tfoot><tr><th scope="row">${t("usage.all")}</th>${cells(report.total)}</tr></tfoot>
  </table></section>`;
}
