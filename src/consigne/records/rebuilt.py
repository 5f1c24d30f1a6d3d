"""A response put together again from the events that told of it."""

from collections.abc import Iterable

from consigne.records.values import Json

_TEXTS = {
    "response.output_text.delta": "output_text",
    "response.reasoning_text.delta": "reasoning_text",
}


def rebuilt(body: Json, events: Iterable[Json]) -> Json:
    """Return ``body`` with the output that ``events`` tell; what was cut is ``incomplete``."""
    output: list[Json] = []
    for event in events:
        match event["type"]:
            case "response.output_item.added":
                output.append(event["item"] | {"status": "incomplete"})
            case "response.output_item.done":
                output[event["output_index"]] = event["item"]
            case "response.function_call_arguments.delta":
                output[event["output_index"]]["arguments"] += event["delta"]
            case "response.content_part.added":
                output[event["output_index"]]["content"] = [event["part"]]
            case "response.reasoning_summary_part.added":
                output[event["output_index"]]["summary"] = [event["part"]]
            case "response.reasoning_summary_text.delta":
                output[event["output_index"]]["summary"][0]["text"] += event["delta"]
            case kind if kind in _TEXTS:
                output[event["output_index"]]["content"][0]["text"] += event["delta"]
            case _:
                pass
    return body | {"output": output}
