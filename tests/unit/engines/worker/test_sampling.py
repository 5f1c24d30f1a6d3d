"""Sampling: what the request says, else what the model's authors chose, within sane ranges."""

import json
from pathlib import Path
from typing import Any

import pytest

from consigne.domain.errors import InvalidRequest
from consigne.domain.messages import OutputFormat, Request, Sampling, ToolChoice
from consigne.engines.worker.sampling import (
    DEFAULTS,
    IN_FORM_PENALTY,
    apply,
    in_form,
    read_defaults,
    resolve,
)


class Config:
    """Records what is set on it, as the engine's own configuration would take it."""


def applied(sampling: Sampling) -> dict[str, Any]:
    config = Config()
    apply(sampling, config)  # type: ignore[arg-type]
    return vars(config)


def defaults(folder: Path, content: Any) -> Sampling:
    (folder / "generation_config.json").write_text(json.dumps(content))
    return read_defaults(folder)


def test_the_model_s_own_defaults_fill_what_a_request_leaves_open(tmp_path: Path) -> None:
    found = defaults(tmp_path, {"do_sample": True, "temperature": 0.6, "top_k": 20, "top_p": 0.9})
    merged = resolve(Sampling(temperature=1.0), found)
    assert (merged.temperature, merged.top_k, merged.top_p) == (1.0, 20, 0.9)


def test_who_asks_for_no_temperature_gets_no_penalty_either(tmp_path: Path) -> None:
    found = defaults(tmp_path, {"temperature": 0.2, "repetition_penalty": 1.1})
    assert resolve(Sampling(), found).repetition_penalty == 1.1
    assert resolve(Sampling(temperature=0.0), found).repetition_penalty is None
    assert resolve(Sampling(0.0, repetition_penalty=1.2), found).repetition_penalty == 1.2


def test_a_model_that_says_nothing_of_sampling_gets_ours(tmp_path: Path) -> None:
    assert read_defaults(tmp_path) == DEFAULTS
    assert defaults(tmp_path, {"eos_token_id": 2}) == DEFAULTS
    assert defaults(tmp_path, [1]) == DEFAULTS
    assert defaults(tmp_path, {"temperature": "hot"}) == DEFAULTS


def test_a_model_meant_to_be_greedy_is_greedy(tmp_path: Path) -> None:
    assert applied(defaults(tmp_path, {"do_sample": False})) == {"do_sample": False}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_p", 1.5),
        ("top_k", -1),
        ("min_p", 2.0),
        ("frequency_penalty", 2.5),
        ("presence_penalty", -3.0),
        ("repetition_penalty", 0.0),
        ("seed", 2**64),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(InvalidRequest, match=field) as caught:
        resolve(Sampling(**{field: value}), DEFAULTS)
    assert caught.value.param == field


def test_zero_temperature_is_greedy_and_needs_no_seed() -> None:
    assert applied(Sampling(temperature=0.0, seed=3, top_p=0.5)) == {"do_sample": False}


def test_seeds_are_kept_and_without_one_answers_differ() -> None:
    seed = applied(Sampling(temperature=1.0, seed=7))["rng_seed"]
    assert seed == 7
    assert 0 <= applied(Sampling(temperature=1.0, seed=-1))["rng_seed"] < 2**32
    drawn = {applied(Sampling(temperature=1.0))["rng_seed"] for _ in range(8)}
    assert len(drawn) > 1


def test_what_filters_nothing_is_left_out() -> None:
    plain = applied(Sampling(temperature=1.0, top_p=1.0, top_k=0, min_p=0.0, seed=1))
    assert plain == {"do_sample": True, "temperature": 1.0, "rng_seed": 1}


@pytest.mark.parametrize(
    ("fields", "penalty"),
    [
        ({}, None),
        ({"output": OutputFormat("json_object")}, IN_FORM_PENALTY),
        ({"output": OutputFormat("json_schema", {})}, IN_FORM_PENALTY),
        ({"tool_choice": ToolChoice("any")}, IN_FORM_PENALTY),
        ({"tool_choice": ToolChoice("auto")}, None),
    ],
)
def test_a_prescribed_form_is_written_with_a_mild_penalty(
    fields: dict[str, Any], penalty: float | None
) -> None:
    request = Request(model="m", messages=(), **fields)
    assert in_form(request).repetition_penalty == penalty


@pytest.mark.parametrize(
    "asked",
    [
        Sampling(repetition_penalty=1.0),
        Sampling(frequency_penalty=0.0),
        Sampling(presence_penalty=0.5),
    ],
)
def test_a_caller_who_sets_a_penalty_is_left_alone(asked: Sampling) -> None:
    form = OutputFormat("json_object")
    assert in_form(Request(model="m", messages=(), output=form, sampling=asked)) == asked
