"""What the stand-in of ``web_server.py`` answers, and the models it offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from consigne.engines.machine import Machine
from consigne.gateway.image_catalogue import suggest_images


@dataclass(frozen=True)
class Script:
    """One answer: its pieces, the seconds between them, and how it ends."""

    chunks: tuple[str, ...]
    delay: float = 0.005
    first: float = 0.0
    """Seconds before the first piece."""
    held: int = -1
    """Before which piece it waits until the server is told to go on, or it is stopped."""
    ending: str = "complete"
    title: str = ""


def pieces(text: str, size: int = 4) -> tuple[str, ...]:
    """Cut ``text`` into pieces, as tokens would."""
    return tuple(text[at : at + size] for at in range(0, len(text), size))


MARKDOWN = """Leaving luggage in safe keeping is an old idea. A *consigne* takes what you bring, \
hands you a **ticket**, and returns exactly that, whenever you come back.

## Three ways to keep things

1. **Staffed counter.** Someone writes the ticket and remembers your face.
2. **Locker.** You keep the key; nobody else needs to know.
3. **Registered forwarding.** It travels without you and is there when you arrive.

| Station | Opened | Lockers | Price for a day | Largest piece accepted | Open |
| --- | --- | ---: | ---: | --- | --- |
| Paris-Gare-de-Lyon | 1855 | 420 | €5.50 | 90 × 60 × 45 cm | 06:15 to 22:00 |
| Lyon-Part-Dieu | 1983 | 180 | €5.50 | 80 × 50 × 40 cm | 06:00 to 21:30 |
| Lille-Flandres | 1848 | 96 | €4.00 | 80 × 50 × 40 cm | 07:00 to 20:00 |

To check a ticket, compare its number with the ledger:

```python
def claim(ticket: str, ledger: dict[str, Piece]) -> Piece:
    \"\"\"Return the piece that this ticket stands for.\"\"\"
    if ticket not in ledger:
        raise KeyError(f"No piece under {ticket!r}; ask for the day book.")
    return ledger.pop(ticket)  # a ticket is good once
```

> A thing kept well is a thing you need not think about.

See `ledger.pop` in the [library reference](https://docs.python.org/3/library/stdtypes.html).
"""

FRENCH = """Voici une réponse brève, écrite pour être relue.

Une *consigne* est à la fois **l’endroit** où l’on dépose ses affaires et **l’instruction** que \
l’on donne. Le mot dit bien les deux : on confie quelque chose, et l’on dit ce qu’il faut en faire.

- On vous remet un ticket ; gardez-le.
- Ce qui est déposé est rendu tel quel.
- L’horaire est affiché : de 6 h 15 à 22 h.
"""

HOSTILE = """Nothing here may run:

<img src=x onerror="document.title='owned'"> <script>document.title='owned'</script>

[press](javascript:document.title='owned') ![pixel](https://tracker.example/p.gif)

```html
<script>document.title = 'owned'</script>
```
"""

LONG = "\n\n".join(
    f"Paragraph {n}. " + "The reader scrolls while the answer is being written. " * 6
    for n in range(1, 25)
)

SCRIPTS: dict[str, Script] = {
    "again": Script(pieces("A second answer, said another way.")),
    "continue": Script(pieces(" and so the sentence ends.")),
    "ticket": Script(pieces(MARKDOWN), 0.002, title="Left luggage, three ways"),
    "français": Script(pieces(FRENCH), 0.002, title="Le mot « consigne »"),
    "hostile": Script(pieces(HOSTILE), 0.001),
    "long": Script(pieces(LONG, 24), 0.01),
    "slow": Script(pieces("One word after another, and no hurry at all. " * 12), 0.06),
    "wait": Script(pieces("At last."), first=30.0),
    "fail": Script(pieces("The ledger shows that the piece was"), ending="failed"),
    "interrupt": Script(pieces("The ledger shows that the piece was"), ending="interrupted"),
}
DEFAULT = Script(pieces("A short answer, with **one** word that matters."))


def script_for(text: str, scripts: Mapping[str, Script]) -> Script:
    """Return the script whose word is in ``text``."""
    return next((script for word, script in scripts.items() if word in text.lower()), DEFAULT)


STARTER: dict[str, Any] = {
    "id": "smollm2-135m-instruct",
    "name": "SmolLM2 135M Instruct",
    "modality": "text",
    "where": "here",
    "context": 8192,
    "starter": True,
    "capabilities": {"tools": True, "structured_output": True, "images_in": False},
    "state": "ready",
    "languages": ["en"],
    "license": "Apache-2.0",
    "size_bytes": 106_000_000,
    "speed": {"tokens_per_s": 118.2, "measured": True},
    "price": None,
}


def _suggestion(
    key: str, name: str, parameters: float, size: int, speed: float, en: str, fr: str, **more: Any
) -> dict[str, Any]:
    return {
        "id": key,
        "name": name,
        "source": f"hf:OpenVINO/{name.replace(' ', '-')}-int4-ov",
        "size_bytes": size,
        "license": "Apache-2.0",
        "languages": ["en", "fr", "de", "es", "it"],
        "parameters": parameters,
        "expected_tokens_per_s": speed,
        "installed": False,
        "fits": True,
        "recommended": False,
        "note": {"en": en, "fr": fr},
        **more,
    }


SUGGESTIONS = [
    _suggestion(
        "qwen3-1.7b", "Qwen3 1.7B", 1.7e9, 1_130_000_000, 27.0,
        "The best balance here: good French, follows instructions.",
        "Le meilleur équilibre ici : bon français, suit les consignes.",
        recommended=True,
    ),
    _suggestion(
        "qwen3-4b", "Qwen3 4B", 4e9, 2_480_000_000, 12.0,
        "Stronger at reasoning and longer texts; slower.",
        "Plus fort en raisonnement et en textes longs ; plus lent.",
    ),
    _suggestion(
        "mistral-7b-instruct-v0.3", "Mistral 7B Instruct v0.3", 7.2e9, 4_140_000_000, 7.0,
        "Excellent French.", "Excellent français.",
    ),
    _suggestion(
        "mistral-small-24b", "Mistral Small 24B", 24e9, 14_600_000_000, 2.0,
        "For a larger machine.", "Pour une machine plus grande.", fits=False,
    ),
]  # fmt: skip


PAINTER: dict[str, Any] = {
    **STARTER,
    "id": "icons",
    "name": "Icons",
    "modality": "image",
    "license": "Apache-2.0",
}
IMAGES: list[dict[str, Any]] = [
    msgspec.to_builtins(found)
    for found in suggest_images(Machine(24 * 2**30, 2, "a laptop"), torch=False)
]
