"""LoRA adapters for converted models, whose linear layers are joined (``graph.py``).

An adapter adds ``B A x`` to the linear layer it is named after. Where several layers have become
one, so do their adapters: the rows of ``A`` one below the other, ``B`` in blocks along a diagonal.
Columns of the matrix that stand for offsets are no inputs of the adapter: ``A`` is zero there.

Source: LoRA (Hu et al. 2021, arXiv:2106.09685); names as PEFT writes them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from consigne.domain.errors import ModelNotSupported

FILE_NAME: Final = "linear_layers.json"
_PREFIX: Final = "base_model.model."

Weights = dict[str, NDArray[np.float32]]


class Product(msgspec.Struct, frozen=True):
    """A matrix product of a converted model."""

    parts: tuple[str, ...]
    """The linear layers it stands for, such as ``q_proj``."""
    rows: tuple[int, ...]
    """Outputs of each."""
    inputs: int
    columns: int
    """Of its weights: the inputs, then those that stand for offsets."""


def save_products(products: Mapping[str, Product], folder: Path) -> None:
    """Write which product stands for which layers, by the products' names."""
    (folder / FILE_NAME).write_bytes(msgspec.json.encode(products))


def fit_adapter(weights: Mapping[str, NDArray[np.float32]], folder: Path) -> Weights:
    """Return a PEFT adapter's weights as the model converted into ``folder`` takes them.

    Args:
        weights: ``base_model.model.LAYER.lora_A.weight`` (rank, inputs) and ``….lora_B.weight``
            (outputs, rank), for any of the model's linear layers.
        folder: The converted model.

    Raises:
        ModelNotSupported: The adapter is of another kind, or of another model.
    """
    raw = (folder / FILE_NAME).read_bytes()
    products = msgspec.json.decode(raw, type=dict[str, Product])
    left = dict(weights)
    fitted: Weights = {}
    for name, product in products.items():
        parent = name.rpartition(".")[0]
        halves = [_take(left, f"{parent}.{part}".lstrip(".")) for part in product.parts]
        if any(half is not None for half in halves):
            down, up = _join(name, halves, product)
            fitted[f"{_PREFIX}{name}.lora_A.weight"] = down
            fitted[f"{_PREFIX}{name}.lora_B.weight"] = up
    if left:
        raise ModelNotSupported(
            f"The adapter holds {min(left)}, which this model has no place for. "
            "Adapters are LoRA (PEFT) of the model's linear layers."
        )
    return fitted


_Halves = tuple[NDArray[np.float32], NDArray[np.float32]]


def _take(weights: Weights, layer: str) -> _Halves | None:
    down, up = f"{_PREFIX}{layer}.lora_A.weight", f"{_PREFIX}{layer}.lora_B.weight"
    if down not in weights or up not in weights:
        return None
    return weights.pop(down), weights.pop(up)


def _join(name: str, halves: list[_Halves | None], product: Product) -> _Halves:
    present = [each for each in halves if each is not None]
    rank = sum(len(down) for down, _ in present)
    downs = np.zeros((rank, product.columns), np.float32)
    ups = np.zeros((sum(product.rows), rank), np.float32)
    row = place = 0
    for rows, each in zip(product.rows, halves, strict=True):
        if each is not None:
            down, up = each
            if up.shape != (rows, len(down)) or down.shape[1] != product.inputs:
                raise ModelNotSupported(
                    f"The adapter of {name} has shapes {up.shape} and {down.shape}, which are not "
                    "this model's."
                )
            downs[place : place + len(down), : product.inputs] = down
            ups[row : row + rows, place : place + len(down)] = up
            place += len(down)
        row += rows
    return downs, ups
