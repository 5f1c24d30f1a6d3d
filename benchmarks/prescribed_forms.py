"""How many answers in a prescribed form end by themselves, by repetition penalty.

    python benchmarks/prescribed_forms.py --data-dir DIR [--model smollm2-135m-instruct]

Twenty prompts, each with a JSON Schema, are answered once greedily and twice by sampling with fixed
seeds, with at most 300 tokens. An answer that reaches the limit is cut within its JSON. The penalty
1.0 is none; ``default`` is what a request gets that sets none.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from consigne.domain.events import MessageStop
from consigne.domain.messages import Message, OutputFormat, Request, Sampling, TextBlock
from consigne.engines.base import TextEngine
from consigne.engines.library import ModelLibrary
from consigne.engines.pool import EnginePool
from consigne.settings import EngineSettings

MAX_TOKENS = 300
PENALTIES = ("1.0", "default")
TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}


def one_of(*values: str) -> dict[str, Any]:
    """Return the schema of a choice."""
    return {"type": "string", "enum": list(values)}


def many(of: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": of}


def form(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with just these members."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CASES = (
    ("Describe a person.", form(name=TEXT, age=WHOLE, occupation=TEXT, hobbies=many(TEXT))),
    ("Extract: Anna meets Bob in Lyon on 3 May.", form(title=TEXT, date=TEXT, people=many(TEXT))),
    ("Write a recipe for pancakes.", form(name=TEXT, ingredients=many(TEXT), steps=many(TEXT))),
    ("Summarise: The cat sat on the mat. It rained. The dog slept.", form(summary=TEXT)),
    ("Classify: I love this phone!", form(mood=one_of("positive", "negative"), reason=TEXT)),
    ("Tell me about Paris.", form(city=TEXT, country=TEXT, description=TEXT)),
    ("Report a broken printer.", form(title=TEXT, body=TEXT, priority=one_of("low", "high"))),
    ("Invent a book.", form(title=TEXT, author=TEXT, year=WHOLE, plot=TEXT)),
    ("List three animals.", form(animals=many(form(name=TEXT, legs=WHOLE)))),
    ("Translate 'Good morning' to French.", form(source=TEXT, translation=TEXT, language=TEXT)),
    ("What is the capital of Japan?", form(answer=TEXT, confidence=NUMBER)),
    ("Make a list for a move.", form(tasks=many(form(task=TEXT, done={"type": "boolean"})))),
    ("Review the film Casablanca.", form(title=TEXT, review=TEXT, stars=WHOLE)),
    ("Explain photosynthesis simply.", form(explanation=TEXT, keywords=many(TEXT))),
    ("Write a short poem about the sea.", form(title=TEXT, lines=many(TEXT))),
    ("Give a weather report for Oslo.", form(city=TEXT, forecast=TEXT, temperature=WHOLE)),
    ("Describe a wooden chair for sale.", form(price=NUMBER, description=TEXT, tags=many(TEXT))),
    ("Write a short message about coffee.", form(text=TEXT, hashtags=many(TEXT))),
    ("Plan a weekend in Rome.", form(saturday=TEXT, sunday=TEXT, budget=WHOLE)),
    ("Who wrote Hamlet and when?", form(author=TEXT, year=WHOLE, notes=TEXT)),
)


async def ended(engine: TextEngine, model: str, sampling: Sampling) -> int:
    """Return how many of the answers end before the limit."""

    async def one(prompt: str, schema: dict[str, Any]) -> bool:
        request = Request(
            model=model,
            messages=(Message("user", (TextBlock(prompt),)),),
            output=OutputFormat("json_schema", schema),
            sampling=sampling,
            max_tokens=MAX_TOKENS,
        )
        events = [event async for event in engine.generate(request)]
        last = events[-1]
        return isinstance(last, MessageStop) and last.stop_reason == "end_turn"

    return sum(await asyncio.gather(*(one(*case) for case in CASES)))


async def measure(data_dir: Path, model_id: str, penalties: Sequence[str]) -> None:
    """Print the table."""
    model = ModelLibrary(data_dir / "models").get(model_id)
    if model is None:
        raise SystemExit(f"{model_id} is not installed in {data_dir}")
    pool = EnginePool(EngineSettings())
    engine = pool.text(model)
    print("| penalty | greedy, of 20 | sampled, of 40 |\n| --- | --- | --- |")
    for name in penalties:
        penalty = None if name == "default" else float(name)
        greedy = await ended(engine, model_id, Sampling(0.0, repetition_penalty=penalty))
        sampled = 0
        for seed in (7, 8):
            asked = Sampling(seed=seed, repetition_penalty=penalty)
            sampled += await ended(engine, model_id, asked)
        print(f"| {name} | {greedy} | {sampled} |", flush=True)
    await pool.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--penalties", default=",".join(PENALTIES))
    args = parser.parse_args()
    asyncio.run(measure(args.data_dir, args.model, args.penalties.split(",")))


if __name__ == "__main__":
    main()
