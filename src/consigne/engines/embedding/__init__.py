"""Sentence-embedding models: conversion to OpenVINO, and the runner that a worker hosts."""

from consigne.engines.embedding.convert import convert_embedding
from consigne.engines.embedding.runner import EmbeddingRunner

__all__ = ["EmbeddingRunner", "convert_embedding"]
