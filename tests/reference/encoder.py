"""An exact numpy forward of BERT's encoder, text by text: what the converted graph must equal."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _norm(x: Array, weights: Mapping[str, NDArray[np.float32]], name: str, epsilon: float) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def sentence_vector(  # the shape of the encoder is told in full, as its configuration does
    ids: Sequence[int],
    weights: Mapping[str, NDArray[np.float32]],
    *,
    layers: int,
    heads: int,
    epsilon: float,
    first_position: int = 0,
    pooling: str = "mean",
) -> Array:
    """Return the unit vector of one text, computed in float64."""

    def linear(x: Array, name: str) -> Array:
        return x @ weights[f"{name}.weight"].astype(np.float64).T + weights[f"{name}.bias"]

    places = np.arange(len(ids)) + first_position
    x = (
        weights["embeddings.word_embeddings.weight"][list(ids)].astype(np.float64)
        + weights["embeddings.position_embeddings.weight"][places]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = _norm(x, weights, "embeddings.LayerNorm", epsilon)
    for number in range(layers):
        name = f"encoder.layer.{number}"
        query, key, value = (
            linear(x, f"{name}.attention.self.{part}").reshape(len(ids), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ value).swapaxes(0, 1)
        mixed = linear(mixed.reshape(len(ids), -1), f"{name}.attention.output.dense")
        x = _norm(x + mixed, weights, f"{name}.attention.output.LayerNorm", epsilon)
        inner = linear(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + _erf(inner / np.sqrt(2)))
        inner = linear(inner, f"{name}.output.dense")
        x = _norm(x + inner, weights, f"{name}.output.LayerNorm", epsilon)
    pooled: Array = x[0] if pooling == "first" else x.mean(0)
    return pooled / np.linalg.norm(pooled)
