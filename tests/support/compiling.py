"""Small models to compile."""

from __future__ import annotations

MAKE_MODELS = """
import re, sys
from pathlib import Path
import torch
from sentence_transformers import SentenceTransformer, models
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast
from routing_engine.encoders.background import background_texts

folder = Path(sys.argv[1])
words = dict.fromkeys(w for text in background_texts() for w in re.findall("[a-z]+", text.lower()))
vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *list(words)[:1500]]
(folder / "vocab.txt").write_text("\\n".join(vocabulary))
torch.manual_seed(0)
BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "raw")
config = BertConfig(
    vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=64, max_position_embeddings=64,
)
BertModel(config).save_pretrained(folder / "raw")
word = models.Transformer(str(folder / "raw"))
modules = [word, models.Pooling(32, pooling_mode="mean")]
SentenceTransformer(modules=modules, device="cpu").save(str(folder / "tiny"))
tokenizer = Tokenizer.from_file(str(folder / "raw" / "tokenizer.json"))
static = models.StaticEmbedding(tokenizer, embedding_dim=8)
SentenceTransformer(modules=[static], device="cpu").save(str(folder / "static"))
"""


def only_folder(cache):
    """Return the folder of the only model in a cache."""
    (facts,) = cache.glob("*/encoder.json")
    return facts.parent
