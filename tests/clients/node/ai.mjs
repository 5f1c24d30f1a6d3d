// The Vercel AI SDK with both vendors' providers.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, embed, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { CAPABLE, EVERY, key, reporter, url } from "./harness.mjs";

const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: key });
const KINDS = {
  "AI SDK, Anthropic provider": anthropic,
  "AI SDK, OpenAI provider (responses)": openai,
  "AI SDK, OpenAI provider (chat)": openai.chat,
};
const city = z.object({ city: z.enum(["Paris", "Rome"]) });

for (const [name, provider] of Object.entries(KINDS)) {
  const feature = reporter(name, "ai");
  const options = { maxOutputTokens: 40, maxRetries: 0 };

  await feature("generateText", EVERY, async (id) => {
    const answer = await generateText({ ...options, model: provider(id), prompt: "Hello" });
    assert.ok(answer.text);
    assert.ok(answer.usage.outputTokens > 0);
  });

  await feature("streamText", EVERY, async (id) => {
    const errors = [];
    const stream = streamText({
      ...options, model: provider(id), prompt: "Hello", onError: ({ error }) => errors.push(error),
    });
    let text = "";
    for await (const part of stream.textStream) text += part;
    assert.deepEqual(errors, []);
    assert.ok(text);
  });

  await feature("tools in several steps", CAPABLE, async (id) => {
    const add = tool({
      description: "Add.", inputSchema: z.object({ a: z.number(), b: z.number() }),
      execute: async ({ a, b }) => `sum ${a + b}`,
    });
    const prompt = '!call add {"a":2,"b":40}';
    const asked = { ...options, model: provider(id), tools: { add }, stopWhen: stepCountIs(3), prompt };
    assert.match((await generateText(asked)).text, /sum 42/);
    assert.match(await streamText(asked).text, /sum 42/);
  });

  await feature("structured output", EVERY, async (id) => {
    const answer = await generateText({
      ...options, model: provider(id), prompt: "Capital of Italy? Rome",
      output: Output.object({ schema: city }),
    });
    city.parse(answer.output);
  });

  await feature("errors", [EVERY[0]], async () => {
    await assert.rejects(
      generateText({ ...options, model: provider("no-such-model"), prompt: "Hello" }), (error) => {
        assert.equal(error.statusCode, 404);
        assert.match(error.message, /no-such-model/);
        return true;
      });
  });

  await feature("abort", [EVERY[0]], async (id) => {
    const abortSignal = AbortSignal.timeout(20);
    await assert.rejects(
      generateText({
        ...options, maxOutputTokens: 1500, model: provider(id), prompt: "Tell a long story.",
        abortSignal,
      }));
  });
}

await reporter("AI SDK, OpenAI provider (responses)", "ai")(
  "embed", ["all-minilm-l6-v2"], async (id) => {
    const made = await embed({ model: openai.embedding(id), value: "a cat" });
    assert.equal(made.embedding.length, 384);
  });
