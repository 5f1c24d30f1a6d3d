// Runs the cases of a client and prints one line of JSON for each: what passed, and why not.
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const url = process.env.CONSIGNE_URL;
export const key = process.env.CONSIGNE_KEY;
/** A little web: a search service finds `/ar-men`, documents are under `/files`. */
export const web = process.env.CONSIGNE_WEB;
/** A server of tools. */
export const notes = process.env.CONSIGNE_NOTES;
export const LOCAL = "smollm2-135m-instruct";
export const CAPABLE = ["capable-openai", "capable-anthropic"];
export const EVERY = [LOCAL, ...CAPABLE];

export function version(name) {
  const here = path.dirname(fileURLToPath(import.meta.url));
  const file = path.join(here, "node_modules", name, "package.json");
  return JSON.parse(readFileSync(file, "utf8")).version;
}

/** Returns what runs a feature on several models and reports it for this client. */
export function reporter(client, name) {
  const base = { client, version: version(name) };
  return async function feature(title, models, run) {
    const why = [];
    for (const model of models) {
      try {
        await run(model);
      } catch (error) {
        why.push(`${model}: ${String(error.stack ?? error)}`);
      }
    }
    const line = { ...base, feature: title, passed: why.length === 0, why: why.join("\n") };
    process.stdout.write(JSON.stringify(line) + "\n");
  };
}
