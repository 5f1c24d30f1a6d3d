// OpenAI's TypeScript SDK.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { CAPABLE, EVERY, LOCAL, key, notes, reporter, url, web } from "./harness.mjs";

const feature = reporter("OpenAI SDK (TypeScript)", "openai");
const options = { baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 };
const client = new OpenAI(options);
const EMBEDDING = "all-minilm-l6-v2";
const ask = (content) => [{ role: "user", content }];
const City = z.object({ city: z.enum(["Paris", "Rome"]) });
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the weather of a city.",
    parameters: {
      type: "object",
      properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};
const FLAT = { type: "function", strict: true, ...WEATHER.function };

await feature("chat completions, plain", EVERY, async (model) => {
  const answer = await client.chat.completions.create({
    model, max_completion_tokens: 16,
    messages: [{ role: "developer", content: "Be brief." }, ...ask("Hello")],
  });
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.model, model);
  assert.ok(answer._request_id);
});

await feature("chat stream helper's snapshot equals the plain answer", EVERY, async (model) => {
  const asked = {
    model, max_completion_tokens: 20, temperature: 0,
    messages: ask("What is the capital of France?"),
  };
  const plain = await client.chat.completions.create(asked);
  const streamed = await client.chat.completions
    .stream({ ...asked, stream_options: { include_usage: true } })
    .finalChatCompletion();
  assert.equal(streamed.choices[0].message.content, plain.choices[0].message.content);
  assert.equal(streamed.choices[0].finish_reason, plain.choices[0].finish_reason);
  assert.equal(streamed.usage.completion_tokens, plain.usage.completion_tokens);
});

await feature("chat tools: a forced call, plain and streamed", EVERY, async (model) => {
  const asked = {
    model, max_completion_tokens: 60, tools: [WEATHER], messages: ask("The weather in Rome?"),
    tool_choice: { type: "function", function: { name: "get_weather" } },
  };
  for (const answer of [
    await client.chat.completions.create(asked),
    await client.chat.completions.stream(asked).finalChatCompletion(),
  ]) {
    const [call] = answer.choices[0].message.tool_calls;
    City.parse(JSON.parse(call.function.arguments));
  }
});

await feature("chat runTools with parallel calls", CAPABLE, async (model) => {
  const seen = [];
  const add = zodFunction({
    name: "add", description: "Add.", parameters: z.object({ a: z.number(), b: z.number() }),
    function: ({ a, b }) => (seen.push(a + b), String(a + b)),
  });
  const runner = client.chat.completions.runTools({
    model, tools: [add], messages: ask('!call add {"a":1,"b":2}\n!call add {"a":2,"b":40}'),
  });
  assert.equal(await runner.finalContent(), "The tool says: 42");
  assert.deepEqual(seen, [3, 42]);
});

await feature("structured chat answers (parse, zodResponseFormat)", EVERY, async (model) => {
  const answer = await client.chat.completions.parse({
    model, max_completion_tokens: 60, messages: ask("Capital of Italy? Rome"),
    response_format: zodResponseFormat(City, "city"),
  });
  City.parse(answer.choices[0].message.parsed);
});

await feature("logprobs and top_logprobs", [LOCAL], async (model) => {
  const answer = await client.chat.completions.create({
    model, max_completion_tokens: 4, messages: ask("Hello"), logprobs: true, top_logprobs: 2,
  });
  assert.ok(answer.choices[0].logprobs.content.every((each) => each.top_logprobs.length === 2));
});

await feature("several answers (n)", [LOCAL], async (model) => {
  const answer = await client.chat.completions.create({
    model, max_completion_tokens: 4, messages: ask("Hello"), n: 2,
  });
  assert.deepEqual(answer.choices.map((each) => each.index), [0, 1]);
});

await feature("stored completions: list, update, delete", CAPABLE, async (model) => {
  const messages = ask("!say kept");
  const made = await client.chat.completions.create({ model, messages, store: true });
  await client.chat.completions.update(made.id, { metadata: { topic: "tests" } });
  const found = [];
  for await (const each of client.chat.completions.list({ metadata: { topic: "tests" } })) {
    found.push(each.id);
  }
  assert.ok(found.includes(made.id));
  assert.ok((await client.chat.completions.delete(made.id)).deleted);
});

await feature("responses, plain", EVERY, async (model) => {
  const answer = await client.responses.create({ model, input: "Hello", max_output_tokens: 16 });
  assert.ok(["completed", "incomplete"].includes(answer.status));
  assert.ok(answer.output_text);
});

await feature("responses stream helper's snapshot equals the plain answer", EVERY, async (model) => {
  const asked = {
    model, input: "What is the capital of France?", max_output_tokens: 20, temperature: 0,
  };
  const plain = await client.responses.create(asked);
  const streamed = await client.responses.stream(asked).finalResponse();
  assert.equal(streamed.output_text, plain.output_text);
  assert.equal(streamed.status, plain.status);
  assert.deepEqual(streamed.incomplete_details, plain.incomplete_details);
  assert.equal(streamed.usage.output_tokens, plain.usage.output_tokens);
});

await feature("responses tools, with previous_response_id", CAPABLE, async (model) => {
  const first = await client.responses.create({
    model, tools: [FLAT], input: '!call get_weather {"city":"Rome"}',
  });
  const call = first.output.find((item) => item.type === "function_call");
  assert.deepEqual(JSON.parse(call.arguments), { city: "Rome" });
  const output = { type: "function_call_output", call_id: call.call_id, output: "Sunny" };
  const last = await client.responses.create({
    model, tools: [FLAT], input: [output], previous_response_id: first.id,
  });
  assert.equal(last.output_text, "The tool says: Sunny");
  const items = [];
  for await (const item of client.responses.inputItems.list(last.id)) items.push(item.type);
  assert.ok(items.includes("function_call_output"));
  await client.responses.delete(first.id);
});

await feature("structured responses (parse, zodTextFormat)", EVERY, async (model) => {
  const answer = await client.responses.parse({
    model, input: "Capital of Italy? Rome", max_output_tokens: 60,
    text: { format: zodTextFormat(City, "city") },
  });
  City.parse(answer.output_parsed);
});

const SEARCH = '!call web_search {"query": "Ar-Men"}\n!say In 1881 [1].';

await feature("chat completions that search the web", CAPABLE, async (model) => {
  const asked = { model, messages: ask(SEARCH), web_search_options: {} };
  for (const answer of [
    await client.chat.completions.create(asked),
    await client.chat.completions.stream(asked).finalChatCompletion(),
  ]) {
    const { message } = answer.choices[0];
    assert.equal(message.content, "In 1881 [1].");
    assert.equal(message.annotations[0].url_citation.url, `${web}/ar-men`);
  }
});

await feature("responses that search the web, plain and streamed", CAPABLE, async (model) => {
  const asked = { model, input: SEARCH, tools: [{ type: "web_search" }] };
  for (const answer of [
    await client.responses.create(asked),
    await client.responses.stream(asked).finalResponse(),
  ]) {
    assert.deepEqual(answer.output.map((item) => item.type), ["web_search_call", "message"]);
    assert.equal(answer.output[1].content[0].annotations[0].url, `${web}/ar-men`);
  }
});

await feature("responses custom tools, plain and streamed", CAPABLE, async (model) => {
  const asked = {
    model, input: '!call shout {"input": "hello"}',
    tools: [{ type: "custom", name: "shout", description: "Shout a text." }],
  };
  for (const answer of [
    await client.responses.create(asked),
    await client.responses.stream(asked).finalResponse(),
  ]) {
    const call = answer.output.find((item) => item.type === "custom_tool_call");
    assert.deepEqual([call.name, call.input], ["shout", "hello"]);
  }
});

await feature("MCP servers that a response names", CAPABLE, async (model) => {
  const answer = await client.responses.create({
    model, input: "!call notes__read_notes {}\n!say Done.",
    tools: [{
      type: "mcp", server_label: "notes", server_url: notes, require_approval: "never",
    }],
  });
  const kinds = answer.output.map((item) => item.type);
  assert.deepEqual(kinds, ["mcp_list_tools", "mcp_call", "message"]);
});

await feature("a document at an address, in responses", [LOCAL], async (model) => {
  const tokens = async (...files) => {
    const content = [...files, { type: "input_text", text: "Read it." }];
    const asked = { model, max_output_tokens: 16, input: ask(content) };
    return (await client.responses.create(asked)).usage.input_tokens;
  };
  const document = { type: "input_file", file_url: `${web}/files/page.md` };
  assert.ok((await tokens(document)) > (await tokens()) + 10);
});

await feature("background responses: poll, cancel, resume a stream", EVERY, async (model) => {
  let answer = await client.responses.create({
    model, input: "Hello", max_output_tokens: 16, background: true,
  });
  while (["queued", "in_progress"].includes(answer.status)) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    answer = await client.responses.retrieve(answer.id);
  }
  assert.ok(["completed", "incomplete"].includes(answer.status));
  const stream = await client.responses.create({
    model, input: "Hello", max_output_tokens: 16, background: true, stream: true,
  });
  const seen = [];
  let id;
  for await (const event of stream) {
    seen.push(event);
    id ??= event.response?.id;
    if (seen.length === 3) break;
  }
  const rest = await client.responses.retrieve(id, {
    stream: true, starting_after: seen.at(-1).sequence_number,
  });
  for await (const event of rest) seen.push(event);
  assert.deepEqual(seen.map((each) => each.sequence_number), seen.map((_, index) => index));
  assert.ok(["response.completed", "response.incomplete"].includes(seen.at(-1).type));
});

await feature("conversations", CAPABLE, async (model) => {
  const conversation = await client.conversations.create({ metadata: { topic: "tests" } });
  await client.responses.create({ model, input: "!say noted", conversation: conversation.id });
  const items = [];
  for await (const item of client.conversations.items.list(conversation.id, { limit: 1 })) {
    items.push(item.role);
  }
  assert.deepEqual(items.sort(), ["assistant", "user"]);
  await client.conversations.delete(conversation.id);
});

await feature("completions (legacy), echo and logprobs", [LOCAL], async (model) => {
  const answer = await client.completions.create({
    model, prompt: "The capital of France is", max_tokens: 2, echo: true, logprobs: 1,
  });
  assert.ok(answer.choices[0].text.startsWith("The capital of France is"));
  assert.ok(answer.choices[0].logprobs.token_logprobs.length > 4);
});

await feature("embeddings", [EMBEDDING], async (model) => {
  const made = await client.embeddings.create({ model, input: ["a cat", "a dog"] });
  const plain = await client.embeddings.create({
    model, input: ["a cat"], encoding_format: "float",
  });
  assert.equal(made.data.length, 2);
  assert.ok(Math.abs(made.data[0].embedding[0] - plain.data[0].embedding[0]) < 1e-5);
});

await feature("errors as the SDK's classes", EVERY, async (model) => {
  const wrong = new OpenAI({ ...options, apiKey: "sk-csn-wrong" });
  const asked = { model, messages: ask("Hello"), max_completion_tokens: 5 };
  await assert.rejects(wrong.chat.completions.create(asked), OpenAI.AuthenticationError);
  await assert.rejects(
    client.chat.completions.create({ ...asked, model: "no-such-model" }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      assert.ok(error.requestID);
      return true;
    });
  await assert.rejects(
    client.chat.completions.create({ ...asked, messages: [] }), OpenAI.BadRequestError);
});

await feature("retries after what retry-after says", [LOCAL], async (model) => {
  let calls = 0;
  const flaky = (input, init) =>
    ++calls < 3
      ? Promise.resolve(new Response("{}", { status: 503, headers: { "retry-after-ms": "1" } }))
      : fetch(input, init);
  const patient = new OpenAI({ ...options, maxRetries: 2, fetch: flaky });
  await patient.chat.completions.create({
    model, messages: ask("Hello"), max_completion_tokens: 5,
  });
  assert.equal(calls, 3);
});

await feature("timeout", [LOCAL], async (model) => {
  const asked = { model, messages: ask("Count to a thousand."), max_completion_tokens: 1500 };
  await assert.rejects(
    client.chat.completions.create(asked, { timeout: 20 }), OpenAI.APIConnectionTimeoutError);
});

await feature("abort in the middle of a stream", [LOCAL], async (model) => {
  const asked = { model, messages: ask("Tell a very long story."), max_completion_tokens: 1500 };
  const stream = client.chat.completions.stream(asked);
  await assert.rejects(async () => {
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) stream.abort();
    await stream.finalChatCompletion();
  }, OpenAI.APIUserAbortError);
});

await feature("models", [LOCAL], async (model) => {
  const ids = [];
  for await (const each of client.models.list()) ids.push(each.id);
  assert.ok(ids.includes(model) && ids.includes("capable-openai"));
  assert.equal((await client.models.retrieve(model)).id, model);
});

await feature("pictures: whole, growing, a part drawn anew", [LOCAL], async () => {
  const model = "consigne-icons";
  const asked = { model, prompt: "a red fox on a blue background", quality: "low" };
  const made = await client.images.generate({ ...asked, n: 2 });
  assert.equal(made.data.length, 2);
  const picture = Buffer.from(made.data[0].b64_json, "base64");
  assert.equal(picture.subarray(1, 4).toString(), "PNG");
  const addressed = await client.images.generate({ ...asked, response_format: "url" });
  assert.ok((await fetch(addressed.data[0].url)).ok);
  const kinds = [];
  const growing = await client.images.generate({ ...asked, stream: true, partial_images: 1 });
  for await (const event of growing) kinds.push(event.type);
  assert.deepEqual(kinds, ["image_generation.partial_image", "image_generation.completed"]);
  const clear = "iVBORw0KGgoAAAANSUhEUgAAAIAAAACAAQAAAADrRVxmAAAAAnRSTlMAAHaTzTgAAAAZSURBVHjaY2AYBaNgFIyC"
    + "UTAKRsEooC8AAAiAAAHDV8wdAAAAAElFTkSuQmCC";
  const [image, mask] = await Promise.all(
    [picture, Buffer.from(clear, "base64")].map((bytes) => toFile(bytes, "a.png", { type: "image/png" })));
  const changed = await client.images.edit({ ...asked, image, mask, prompt: "a cat" });
  assert.notEqual(changed.data[0].b64_json, made.data[0].b64_json);
  await assert.rejects(
    client.images.edit({ ...asked, image: await toFile(Buffer.from("rubbish"), "a.png") }),
    OpenAI.BadRequestError);
});

await feature("files: upload, page, read, delete", [LOCAL], async () => {
  const made = [];
  for (const name of ["a.txt", "b.txt", "c.txt"]) {
    const file = await toFile(Buffer.from(name), name);
    made.push(await client.files.create({ file, purpose: "user_data" }));
  }
  const ids = [];
  for await (const each of client.files.list({ limit: 1 })) ids.push(each.id);
  for (const each of made) assert.ok(ids.includes(each.id));
  for (const each of made) assert.ok((await client.files.delete(each.id)).deleted);
});

await feature("uploads in parts", [LOCAL], async () => {
  const parts = ["one ", "two"];
  const bytes = parts.join("").length;
  const upload = await client.uploads.create({
    filename: "n.txt", purpose: "user_data", bytes, mime_type: "text/plain",
  });
  const ids = [];
  for (const part of parts) {
    const data = await toFile(Buffer.from(part), "part");
    ids.push((await client.uploads.parts.create(upload.id, { data })).id);
  }
  const whole = await client.uploads.complete(upload.id, { part_ids: ids });
  assert.equal(whole.status, "completed");
  assert.equal(whole.file.bytes, bytes);
});

await feature("batches: JSONL in, JSONL out", EVERY, async (model) => {
  const lines = ["one", "two"].map((custom_id) => JSON.stringify({
    custom_id, method: "POST", url: "/v1/chat/completions",
    body: { model, messages: ask("Hello"), max_completion_tokens: 6 },
  }));
  const file = await toFile(Buffer.from(lines.join("\n")), "in.jsonl");
  const input = await client.files.create({ file, purpose: "batch" });
  let batch = await client.batches.create({
    input_file_id: input.id, endpoint: "/v1/chat/completions", completion_window: "24h",
  });
  while (!["completed", "failed"].includes(batch.status)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    batch = await client.batches.retrieve(batch.id);
  }
  const text = await (await client.files.content(batch.output_file_id)).text();
  const results = text.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(results.map((each) => each.custom_id).sort(), ["one", "two"]);
  assert.ok(results.every((each) => each.response.status_code === 200));
});

await feature("moderations", CAPABLE.slice(0, 1), async () => {
  await assert.rejects(client.moderations.create({ input: "Hello" }), (error) => {
    assert.ok(error.status >= 400 && error.status < 500 && error.message.length > 20);
    return true;
  });
});
