import { useSignal } from "@preact/signals";

import { request } from "../../api.js";
import { exactTime } from "../../format.js";
import { html } from "../../html.js";
import { explain, t } from "../../i18n.js";
import { go } from "../../router.js";
import { lookAtSchedules, schedules } from "../../state/library.js";
import { overlay } from "../../state/look.js";
import { writers } from "../../state/models.js";
import { toast } from "../../state/toasts.js";
import { Field, SelectField, TextField } from "../fields.js";
import { Form, Listing } from "./list.js";

/** @typedef {import("../../state/library.js").Schedule} Schedule */

/** What follows the minute and the hour in a cron line, for each rhythm. */
const RHYTHMS = /** @type {Record<string, string>} */ ({
  daily: "* * *", weekdays: "* * 1-5", monday: "* * 1", tuesday: "* * 2", wednesday: "* * 3",
  thursday: "* * 4", friday: "* * 5", saturday: "* * 6", sunday: "* * 0", monthly: "1 * *",
});

export function SchedulesPanel() {
  const may = useSignal("Notification" in window ? Notification.permission : "denied");
  const allow = async () => { may.value = await Notification.requestPermission(); };
  return html`<${Listing} from=${schedules} form=${ScheduleForm} line=${(/** @type {Schedule} */ item) => html`<${Line} item=${item} />`}
      lead=${t("schedule.lead")} none=${t("schedule.none")} make=${t("schedule.new")} />
    ${may.value === "default" && html`<button type="button" class="plain at-start" onClick=${allow}>
      ${t("schedule.notify")}</button>`}`;
}

/** @param {{item: Schedule}} props */
function Line({ item }) {
  const act = (/** @type {string} */ what, /** @type {object} */ body = {}) =>
    schedules.change(() => request("POST", `/api/schedules/${item.id}/${what}`, body))
      .then(lookAtSchedules)
      .catch((error) => toast(explain(error)));
  const open = () => {
    overlay.value = "";
    go(item.conversation_id);
  };
  return html`<div class="thing-text"><strong dir="auto">${item.name}</strong>
      ${item.unread && html` <span class="tag">${t("schedule.unread")}</span>`}
      <span class="muted small">${state(item)}</span>
      ${item.last_error && html`<span class="small bad">${item.last_error}</span>`}</div>
    ${item.conversation_id && html`<button type="button" class="plain"
      aria-label=${t("schedule.openLabel", { name: item.name })} onClick=${open}>${t("schedule.open")}</button>`}
    <button type="button" class="quiet" aria-label=${t("schedule.runLabel", { name: item.name })}
      disabled=${item.paused || item.running} onClick=${() => act("run")}>${t("schedule.run")}</button>
    <button type="button" class="quiet" aria-pressed=${item.paused}
      aria-label=${t("schedule.pauseLabel", { name: item.name })}
      onClick=${() => act("pause", { paused: !item.paused })}>
      ${t(item.paused ? "schedule.resume" : "schedule.pause")}</button>`;
}

/** @param {Schedule} item */
function state(item) {
  if (item.running) return t("schedule.running");
  if (item.paused) return t("schedule.paused");
  return item.next_at ? t("schedule.next", { time: exactTime(item.next_at) }) : t("schedule.never");
}

/** @param {string} cron @returns {{rhythm: string, time: string}} */
function readCron(cron) {
  const [minute, hour, ...rest] = cron.split(" ");
  const rhythm = Object.keys(RHYTHMS).find((name) => RHYTHMS[name] === rest.join(" "));
  const plain = /^\d+$/.test(minute) && /^\d+$/.test(hour ?? "");
  if (!rhythm || !plain) return { rhythm: "own", time: "08:00" };
  return { rhythm, time: `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}` };
}

/** @param {{item: Schedule | null, onDone: () => void}} props */
function ScheduleForm({ item, onDone }) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const form = useSignal({
    name: item?.name ?? "", text: item?.text ?? "", model: item?.model ?? "",
    cron: item?.cron ?? "0 8 * * *", time_zone: item?.time_zone ?? here,
    ...readCron(item?.cron ?? "0 8 * * *"),
  });
  const set = (/** @type {string} */ name) => (/** @type {unknown} */ value) => {
    form.value = { ...form.value, [name]: value };
  };
  const save = () => {
    const { rhythm, time, ...body } = form.value;
    const [hour, minute] = time.split(":").map(Number);
    if (rhythm !== "own") body.cron = `${minute} ${hour} ${RHYTHMS[rhythm]}`;
    return schedules.save(item?.id ?? null, body, "PUT");
  };
  const rhythms = [...Object.keys(RHYTHMS), "own"].map((name) => [name, t(`schedule.rhythm.${name}`)]);
  const own = form.value.rhythm === "own";
  return html`<${Form} title=${t(item ? "schedule.edit" : "schedule.new")} save=${save} onDone=${onDone}>
    <${TextField} label=${t("library.name")} required most=${80} value=${form.value.name} onInput=${set("name")} />
    <${TextField} label=${t("schedule.text")} required rows=${4} most=${20000} value=${form.value.text}
      onInput=${set("text")} />
    <div class="fields-row">
      <${SelectField} label=${t("schedule.rhythm")} value=${form.value.rhythm} choices=${rhythms}
        onInput=${set("rhythm")} />
      ${own
        ? html`<${TextField} label=${t("schedule.cron")} required value=${form.value.cron} onInput=${set("cron")} />`
        : html`<${Field} label=${t("schedule.time")}><input type="time" required value=${form.value.time}
            onInput=${(/** @type {any} */ event) => set("time")(event.target.value)} /><//>`}
      <${TextField} label=${t("schedule.zone")} required value=${form.value.time_zone} onInput=${set("time_zone")} />
    </div>
    <${SelectField} label=${t("assistant.model")} value=${form.value.model} onInput=${set("model")}
      choices=${[["", t("assistant.defaultModel")], ...writers.value.map((model) => [model.id, model.name])]} />
  <//>`;
}
