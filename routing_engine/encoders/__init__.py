"""Encode texts as unit vectors: the protocol, the real encoders, and a fake for tests.

Internal: may change in any release. Use what ``routing_engine`` exports.
"""

from __future__ import annotations

from routing_engine.encoders.batching import encode_distinct
from routing_engine.encoders.compiled import CompiledEncoder, default_encoder
from routing_engine.encoders.hashing import HashingEncoder
from routing_engine.encoders.named import encoder_named
from routing_engine.encoders.protocol import Encoder, check_vectors
from routing_engine.encoders.remembering import RememberingEncoder
from routing_engine.encoders.sentence_transformer import SentenceTransformerEncoder

__all__ = [
    "CompiledEncoder",
    "Encoder",
    "HashingEncoder",
    "RememberingEncoder",
    "SentenceTransformerEncoder",
    "check_vectors",
    "default_encoder",
    "encode_distinct",
    "encoder_named",
]
