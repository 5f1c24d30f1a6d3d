"""lm-evaluation-harness's API models on a task of our own."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import lm_eval
import tiktoken
from lm_eval.tasks import TaskManager
from report import KEY, LOCAL, URL, feature

os.environ["OPENAI_API_KEY"] = KEY
FOLDER = Path(os.environ["HOME"]) / "tasks"
FOLDER.mkdir()
QUESTIONS = [
    {"question": "The capital of France is", "choices": [" Paris", " a banana"], "answer": 0},
    {"question": "Two and two make", "choices": [" a purple", " four"], "answer": 1},
]
DATA = FOLDER / "questions.jsonl"
DATA.write_text("".join(json.dumps(each) + "\n" for each in QUESTIONS))
SPLIT = r"\p{N}|'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
COMMON = f"""dataset_path: json
dataset_kwargs: {{data_files: {{test: {DATA}}}}}
test_split: test
"""
(FOLDER / "writing.yaml").write_text(
    f"task: writing\n{COMMON}output_type: generate_until\n"
    'doc_to_text: "{{question}}"\ndoc_to_target: "{{choices[answer]}}"\n'
    "generation_kwargs: {until: ['.'], max_gen_toks: 8}\nmetric_list: [{metric: exact_match}]\n"
)
(FOLDER / "choosing.yaml").write_text(
    f"task: choosing\n{COMMON}output_type: multiple_choice\n"
    'doc_to_text: "{{question}}"\ndoc_to_target: "{{answer}}"\ndoc_to_choice: "{{choices}}"\n'
    "target_delimiter: ''\nmetric_list: [{metric: acc}, {metric: acc_norm}]\n"
)


def tokenizer() -> tiktoken.Encoding:
    """Return the model's own tokenizer, in the form that the harness takes without a hub."""
    told = json.loads((Path(os.environ["HOME"]) / "vocabulary.json").read_text())
    tokens = [(base64.b64decode(token), special) for token, special in told]
    ranks = {token: number for number, (token, special) in enumerate(tokens) if not special}
    control = {token.decode(): number for number, (token, special) in enumerate(tokens) if special}
    return tiktoken.Encoding(LOCAL, pat_str=SPLIT, mergeable_ranks=ranks, special_tokens=control)


def evaluate(model: str, path: str, task: str, **more: Any) -> Any:
    chat = model == "local-chat-completions"
    given = {"model": LOCAL, "base_url": f"{URL}/v1/{path}", "num_concurrent": 2} | more
    tokens: dict[str, Any] = {"tokenizer_backend": None, "tokenized_requests": False}
    ran = lm_eval.simple_evaluate(
        model=model,
        model_args=tokens | {"max_retries": 1} | given,
        tasks=[task],
        task_manager=TaskManager(include_path=str(FOLDER), include_defaults=False),
        apply_chat_template=chat,
        bootstrap_iters=0,
        log_samples=False,
    )
    return ran["results"][task]


def writing(_: str) -> None:
    assert "exact_match,none" in evaluate("local-completions", "completions", "writing")


def choosing(_: str) -> None:
    tiktoken.encoding_for_model = lambda _: tokenizer()
    given = {"tokenizer_backend": "tiktoken", "tokenized_requests": True}
    found = evaluate("local-completions", "completions", "choosing", **given)
    assert found["acc,none"] == found["acc_norm,none"] == 1.0


def chat(_: str) -> None:
    assert "exact_match,none" in evaluate("local-chat-completions", "chat/completions", "writing")


LEGACY, CHAT = "lm-eval, local-completions", "lm-eval, local-chat-completions"
feature(LEGACY, "lm-eval", "a task of writing", [LOCAL], writing)
feature(LEGACY, "lm-eval", "a task of multiple choice (echo, logprobs)", [LOCAL], choosing)
feature(CHAT, "lm-eval", "a task of writing", [LOCAL], chat)
