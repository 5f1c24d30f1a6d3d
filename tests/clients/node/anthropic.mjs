// Anthropic's TypeScript SDK.
import assert from "node:assert/strict";
import Anthropic, { toFile } from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import { CAPABLE, EVERY, LOCAL, key, notes, reporter, url, web } from "./harness.mjs";

const feature = reporter("Anthropic SDK (TypeScript)", "@anthropic-ai/sdk");
const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const ask = (content) => [{ role: "user", content }];
const WEATHER = {
  name: "get_weather",
  description: "Get the weather of a city.",
  input_schema: {
    type: "object",
    properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
    required: ["city"],
    additionalProperties: false,
  },
};
const used = (message) => message.content.find((block) => block.type === "tool_use");

await feature("messages, plain", EVERY, async (model) => {
  const message = await client.messages.create({ model, max_tokens: 16, messages: ask("Hello") });
  assert.equal(message.type, "message");
  assert.equal(message.model, model);
  assert.ok(message.content[0].text);
  assert.ok(message.usage.output_tokens > 0);
  assert.ok(message._request_id);
});

await feature("messages, streamed events", EVERY, async (model) => {
  const stream = await client.messages.create({
    model, max_tokens: 16, messages: ask("Hello"), stream: true,
  });
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  assert.equal(kinds[0], "message_start");
  assert.equal(kinds.at(-1), "message_stop");
  assert.ok(kinds.includes("content_block_delta"));
});

await feature("stream helper's snapshot equals the plain answer", EVERY, async (model) => {
  const asked = { model, max_tokens: 20, messages: ask("What is the capital of France?") };
  if (model === LOCAL) asked.tool_choice = { type: "none" };
  const greedy = { headers: { "anthropic-version": "2023-06-01" } };
  const exact = model === LOCAL ? { ...asked, temperature: 0 } : asked;
  delete exact.tool_choice;
  const plain = await client.messages.create(exact, greedy);
  const streamed = await client.messages.stream(exact, greedy).finalMessage();
  assert.deepEqual(streamed.content.map((b) => b.text), plain.content.map((b) => b.text));
  assert.equal(streamed.stop_reason, plain.stop_reason);
  assert.equal(streamed.usage.output_tokens, plain.usage.output_tokens);
});

await feature("tools: a forced call, plain and streamed", EVERY, async (model) => {
  const asked = {
    model, max_tokens: 60, tools: [WEATHER], messages: ask("What is the weather in Rome?"),
    tool_choice: { type: "tool", name: "get_weather" },
  };
  for (const message of [
    await client.messages.create(asked),
    await client.messages.stream(asked).finalMessage(),
  ]) {
    assert.equal(message.stop_reason, "tool_use");
    assert.ok(["Paris", "Rome"].includes(used(message).input.city));
  }
});

await feature("tools: parallel calls and their results", CAPABLE, async (model) => {
  const text = '!call get_weather {"city":"Rome"}\n!call get_weather {"city":"Paris"}';
  const messages = ask(text);
  const first = await client.messages.create({ model, max_tokens: 60, tools: [WEATHER], messages });
  assert.deepEqual(first.content.map((b) => b.input?.city), ["Rome", "Paris"]);
  const content = first.content.map((b) => ({
    type: "tool_result", tool_use_id: b.id, content: `Sunny in ${b.input.city}`,
  }));
  messages.push({ role: "assistant", content: first.content }, { role: "user", content });
  const last = await client.messages.create({ model, max_tokens: 60, tools: [WEATHER], messages });
  assert.equal(last.content[0].text, "The tool says: Sunny in Paris");
});

await feature("tool runner (betaZodTool)", CAPABLE, async (model) => {
  const add = betaZodTool({
    name: "add", description: "Add.", inputSchema: z.object({ a: z.number(), b: z.number() }),
    run: ({ a, b }) => String(a + b),
  });
  const final = await client.beta.messages.toolRunner({
    model, max_tokens: 60, tools: [add], messages: ask('!call add {"a":2,"b":40}'),
  });
  assert.equal(final.content[0].text, "The tool says: 42");
});

await feature("web search, plain and streamed", CAPABLE, async (model) => {
  const asked = {
    model, max_tokens: 60, tools: [{ type: "web_search_20250305", name: "web_search", max_uses: 1 }],
    messages: ask('!call web_search {"query": "Ar-Men"}\n!say In 1881 [1].'),
  };
  for (const message of [
    await client.messages.create(asked),
    await client.messages.stream(asked).finalMessage(),
  ]) {
    const kinds = message.content.map((block) => block.type);
    assert.deepEqual(kinds, ["server_tool_use", "web_search_tool_result", "text"]);
    assert.equal(message.content[2].citations[0].url, `${web}/ar-men`);
    assert.equal(message.usage.server_tool_use.web_search_requests, 1);
  }
});

await feature("web fetch", CAPABLE.slice(0, 1), async (model) => {
  const page = `${web}/files/page.md`;
  const message = await client.messages.create({
    model, max_tokens: 60,
    tools: [{ type: "web_fetch_20250910", name: "web_fetch", citations: { enabled: true } }],
    messages: ask(`!call web_fetch {"url": "${page}"}\n!say In 1881 [1].`),
  });
  const [, result, said] = message.content;
  assert.equal(result.content.url, page);
  assert.match(said.citations[0].cited_text, /1881/);
  assert.equal(message.usage.server_tool_use.web_fetch_requests, 1);
});

await feature("MCP servers that a request names", CAPABLE, async (model) => {
  const message = await client.beta.messages.create({
    model, max_tokens: 60, betas: ["mcp-client-2025-11-20"],
    mcp_servers: [{ type: "url", name: "notes", url: notes }],
    tools: [{ type: "mcp_toolset", mcp_server_name: "notes" }],
    messages: ask("!call notes__read_notes {}\n!say Done."),
  });
  const kinds = message.content.map((block) => block.type);
  assert.deepEqual(kinds, ["mcp_tool_use", "mcp_tool_result", "text"]);
});

await feature("a document at an address", [LOCAL], async (model) => {
  const { usage } = await client.messages.create({
    model, max_tokens: 4,
    messages: ask([
      { type: "document", source: { type: "url", url: `${web}/files/page.md` } },
      { type: "text", text: "Read it." },
    ]),
  });
  const alone = await client.messages.countTokens({ model, messages: ask("Read it.") });
  assert.ok(usage.input_tokens + usage.cache_read_input_tokens > alone.input_tokens + 10);
});

await feature("structured answers (messages.parse, zodOutputFormat)", EVERY, async (model) => {
  const format = zodOutputFormat(z.object({ capital: z.enum(["Paris", "Rome"]) }));
  const asked = {
    model, max_tokens: 60, messages: ask("Capital of Italy? Rome"), output_config: { format },
  };
  const parsed = await client.messages.parse(asked);
  assert.ok(["Paris", "Rome"].includes(parsed.parsed_output.capital));
});

await feature("count_tokens", [LOCAL, "capable-anthropic"], async (model) => {
  const count = await client.messages.countTokens({ model, messages: ask("Hello there") });
  assert.ok(count.input_tokens > 2);
});

await feature("errors as the SDK's classes", EVERY, async (model) => {
  const wrong = new Anthropic({ baseURL: url, apiKey: "sk-csn-wrong", maxRetries: 0 });
  const asked = { model, max_tokens: 5, messages: ask("Hello") };
  await assert.rejects(wrong.messages.create(asked), Anthropic.AuthenticationError);
  const unknown = { ...asked, model: "no-such-model" };
  await assert.rejects(client.messages.create(unknown), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.error.error.type, "not_found_error");
    assert.ok(error.requestID);
    return true;
  });
  const bad = { ...asked, messages: [] };
  await assert.rejects(client.messages.create(bad), Anthropic.BadRequestError);
});

await feature("retries after what retry-after says", [LOCAL], async (model) => {
  let calls = 0;
  const flaky = (input, init) =>
    ++calls < 3
      ? Promise.resolve(new Response("{}", { status: 529, headers: { "retry-after-ms": "1" } }))
      : fetch(input, init);
  const patient = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 2, fetch: flaky });
  await patient.messages.create({ model, max_tokens: 5, messages: ask("Hello") });
  assert.equal(calls, 3);
});

await feature("timeout", [LOCAL], async (model) => {
  const asked = { model, max_tokens: 1500, messages: ask("Count to a thousand.") };
  await assert.rejects(
    client.messages.create(asked, { timeout: 20 }), Anthropic.APIConnectionTimeoutError);
});

await feature("abort in the middle of a stream", [LOCAL], async (model) => {
  const asked = { model, max_tokens: 1500, messages: ask("Tell a very long story.") };
  const stream = client.messages.stream(asked);
  await assert.rejects(async () => {
    for await (const event of stream) if (event.type === "content_block_delta") stream.abort();
    await stream.finalMessage();
  }, Anthropic.APIUserAbortError);
});

await feature("models, page by page", [LOCAL], async (model) => {
  const ids = [];
  for await (const each of client.models.list({ limit: 1 })) ids.push(each.id);
  assert.ok(ids.length >= 3 && new Set(ids).size === ids.length);
  assert.equal((await client.models.retrieve(model)).id, model);
});

await feature("files: upload, page, read, delete", [LOCAL], async () => {
  const made = [];
  for (const name of ["a.txt", "b.txt", "c.txt"]) {
    made.push(await client.beta.files.upload({ file: await toFile(Buffer.from(name), name) }));
  }
  const ids = [];
  for await (const each of client.beta.files.list({ limit: 1 })) ids.push(each.id);
  for (const each of made) assert.ok(ids.includes(each.id));
  assert.equal((await client.beta.files.retrieveMetadata(made[0].id)).filename, "a.txt");
  for (const each of made) {
    assert.equal((await client.beta.files.delete(each.id)).type, "file_deleted");
  }
});

await feature("message batches and their results", EVERY, async (model) => {
  const params = { model, max_tokens: 6, messages: ask("Hello") };
  let batch = await client.messages.batches.create({
    requests: ["one", "two"].map((custom_id) => ({ custom_id, params })),
  });
  while (batch.processing_status !== "ended") {
    await new Promise((resolve) => setTimeout(resolve, 50));
    batch = await client.messages.batches.retrieve(batch.id);
  }
  const results = [];
  for await (const each of await client.messages.batches.results(batch.id)) results.push(each);
  assert.deepEqual(results.map((each) => each.custom_id).sort(), ["one", "two"]);
  assert.ok(results.every((each) => each.result.type === "succeeded"));
  await client.messages.batches.delete(batch.id);
});
