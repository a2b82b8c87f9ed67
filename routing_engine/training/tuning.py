"""Tune a sentence-transformers model on tables, regularised towards the base model.

A step draws :data:`TABLES` tables. Of an utterance ``u`` and the rules of its table, "none" being
one more choice with a logit of its own, the losses are

- cross-entropy over ``cos(u, description) / TEMPERATURE``;
- the same over ``cos(u, prototype)``, the prototype being the mean of the description and of the
  *other* utterances of the rule in the step: rules with examples;
- a share (:attr:`Settings.across`) of the first over the descriptions of all tables of the step,
  those left out that the frozen model holds for the same situation;
- :data:`HOLD` of the mean square difference to the frozen model in the cosines between generic
  texts: what the model knew of language at large stays.

Token embeddings and the lowest layers stay as they are.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from routing_engine.encoders.background import background_texts, described_rules
from routing_engine.encoders.sentence_transformer import load_sentence_transformer
from routing_engine.encoders.source import find_model
from routing_engine.errors import InvalidValueError
from routing_engine.training.corpus import Business
from routing_engine.training.tables import NONE, Table, draw_table, with_calls

__all__ = ["Settings", "Trained", "tune"]

TABLES = 4
TEMPERATURE = 0.05
HOLD = 10.0
HELD_TEXTS = 32
SAME_SITUATION = 0.75
"""Cosine under the base model from which two descriptions are the same situation."""
CHUNKS = 8
CHECKPOINT_EVERY = 50
BASE = "all-MiniLM-L6-v2"
"""The model that is tuned, and that every run is regularised towards."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a run; a resumed run must have the same.

    Attributes:
        steps: in all.
        rate: highest learning rate.
        frozen_layers: layers of the transformer, from below, that stay as they are.
        max_tokens: of a text, while training.
        dropout: share of activations that a step leaves out.
        average: decay a step of the running mean of the weights, which is what the run ends
            with; 0 to end with the last weights.
        tables: weight of the two losses over single tables; 0 for contrast in the batch alone.
        across: weight of the loss over the descriptions of all tables of a step.
        heard: learn from conversations, too, and from utterances as a recogniser writes them.
        seed: of all that is drawn.
    """

    steps: int = 800
    rate: float = 6e-5
    frozen_layers: int = 2
    max_tokens: int = 48
    dropout: float = 0.0
    average: float = 0.0
    tables: float = 1.0
    across: float = 0.3
    heard: bool = False
    seed: int = 0


class Trained:
    """A transformer with mean pooling and normalised vectors."""

    def __init__(self, model: str | None, settings: Settings) -> None:
        self.whole = load_sentence_transformer(find_model(model or BASE), attention="eager")
        first: Any = self.whole[0]
        self.body: Any = first.auto_model
        self.tokenizer = self.whole.tokenizer
        self.max_tokens = settings.max_tokens
        # Half the time on processors that multiply bfloat16 themselves, and slower on others.
        self.is_short = "amx_bf16" in _flags() or "avx512_bf16" in _flags()
        self.body.train()
        for module in self.body.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        self.body.embeddings.requires_grad_(False)
        for layer in self.body.encoder.layer[: settings.frozen_layers]:
            layer.requires_grad_(False)
        for layer in self.body.encoder.layer[settings.frozen_layers :] if settings.dropout else ():
            layer.attention.output.dropout.p = layer.output.dropout.p = settings.dropout

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Return unit vectors, float32 ``(len(texts), d)``; encoded in chunks of similar length."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        order = sorted(range(len(texts)), key=lambda i: len(ids[i]))
        size = math.ceil(len(order) / CHUNKS)
        parts = []
        # One context for all chunks: the weights are cast once.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_short):
            for start in range(0, len(order), size):
                chunk = [ids[i] for i in order[start : start + size]]
                longest = len(chunk[-1])
                tokens = torch.tensor([one + [0] * (longest - len(one)) for one in chunk])
                mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in chunk])
                hidden = self.body(input_ids=tokens, attention_mask=mask).last_hidden_state
                weights = mask.unsqueeze(-1).float()
                parts.append((hidden.float() * weights).sum(1) / weights.sum(1))
        place = torch.empty(len(order), dtype=torch.long)
        place[torch.tensor(order)] = torch.arange(len(order))
        return functional.normalize(torch.cat(parts)[place], dim=1)


def _flags() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""


class _Frozen:
    """The base model: vectors of texts, each computed once."""

    def __init__(self, model: str | None, settings: Settings) -> None:
        self._model = Trained(model, settings)
        self._model.body.eval()
        self._known: dict[str, Tensor] = {}

    def vectors(self, texts: Sequence[str]) -> Tensor:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        with torch.no_grad():
            for start in range(0, len(new), 128):
                batch = new[start : start + 128]
                self._known.update(zip(batch, self._model.vectors(batch), strict=True))
        return torch.stack([self._known[text] for text in texts])


def _loss(
    tables: Sequence[Table],
    vectors: dict[str, Tensor],
    none: Tensor,
    frozen: _Frozen,
    settings: Settings,
) -> tuple[Tensor, dict[str, float]]:
    """Compute the mean loss of some tables without regularisation, and its parts."""
    by_description: list[Tensor] = []
    by_prototype: list[Tensor] = []
    across: list[Tensor] = []
    every = [text for table in tables for text in table.descriptions]
    described = torch.stack([vectors[text] for text in every])
    alike = frozen.vectors(every)
    same = alike @ alike.T >= SAME_SITUATION
    first = 0
    for table in tables:
        n_rules = len(table.descriptions)
        own = described[first : first + n_rules]
        said = torch.stack([vectors[text] for text in table.utterances])
        answers = torch.tensor(table.answers)
        target = torch.where(answers == NONE, n_rules, answers)
        n_said = len(said)
        # Who denies a rule is asked about twice: there is one such caller for ten others.
        weight = torch.where(torch.tensor(table.denied) == NONE, 1.0, 2.0)
        logits = torch.cat([said @ own.T / TEMPERATURE, none[0].expand(n_said, 1)], 1)
        by_description.append(_weighted(logits, target, weight))
        member = functional.one_hot(target, n_rules + 1)[:, :n_rules].float()
        sums = own + member.T @ said
        others = sums.unsqueeze(0) - member.unsqueeze(-1) * said.unsqueeze(1)
        prototypes = functional.normalize(others, dim=-1)
        logits = torch.cat(
            [(prototypes * said.unsqueeze(1)).sum(-1) / TEMPERATURE, none[1].expand(n_said, 1)], 1
        )
        by_prototype.append(_weighted(logits, target, weight))
        suited = answers != NONE
        right = first + answers[suited]
        logits = said[suited] @ described.T / TEMPERATURE
        elsewhere = same[right].clone()
        elsewhere[torch.arange(len(right)), right] = False
        across.append(functional.cross_entropy(logits.masked_fill(elsewhere, -1e4), right))
        first += n_rules
    parts = {
        "when": torch.stack(by_description).mean(),
        "examples": torch.stack(by_prototype).mean(),
        "across": torch.stack(across).mean(),
    }
    loss = settings.tables * (parts["when"] + parts["examples"]) + settings.across * parts["across"]
    return loss, {name: float(part.detach()) for name, part in parts.items()}


def _weighted(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    losses = functional.cross_entropy(logits, target, reduction="none")
    return (losses * weight).sum() / weight.sum()


def tune(
    businesses: Sequence[Business],
    out: Path,
    *,
    settings: Settings,
    model: str | None = None,
    until: int | None = None,
) -> Path:
    """Tune a model, resuming from the last checkpoint in ``out`` if there is one.

    Args:
        businesses: what to learn from.
        out: folder of checkpoints, ``curve.jsonl`` and, at the end, ``model``.
        settings: of the run.
        model: what to begin with, as for :func:`~routing_engine.encoders.source.find_model`;
            None for :data:`BASE`.
        until: step to pause after; None for the end.

    Returns:
        The folder of the tuned model, or of the checkpoint where it paused.

    Raises:
        InvalidValueError: a checkpoint of other settings lies in ``out``.
    """
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    tuned, frozen = Trained(model, settings), _Frozen(BASE, settings)
    none = torch.nn.Parameter(torch.tensor([7.0, 9.0]))
    free = [p for p in tuned.body.parameters() if p.requires_grad]
    mean = [p.detach().clone() for p in free]
    optimizer = torch.optim.AdamW(
        [{"params": free, "weight_decay": 0.01}, {"params": [none], "lr": 0.01}], lr=settings.rate
    )

    def share(step: int) -> float:
        warm = max(1, settings.steps // 16)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, settings.steps - warm)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
    checkpoint = out / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        if kept["settings"] != asdict(settings):
            raise InvalidValueError(f"{checkpoint} is of other settings: {kept['settings']}")
        tuned.body.load_state_dict(kept["body"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
        none.data.copy_(kept["none"])
        mean = kept["mean"]
        first = kept["step"]
    businesses = [with_calls(one) for one in businesses] if settings.heard else list(businesses)
    generic = [*background_texts(), *(when for _, when in described_rules())]
    last = settings.steps if until is None else min(until, settings.steps)
    for step in range(first, last):
        began = time.perf_counter()
        # Each step draws by its own seed, so that a resumed run draws what it would have.
        rng = random.Random(f"{settings.seed}:{step}")
        drawn = rng.sample(businesses, TABLES)
        tables = [draw_table(business, rng, heard=settings.heard) for business in drawn]
        held = rng.sample(generic, HELD_TEXTS)
        texts = list(
            dict.fromkeys(
                text for table in tables for text in (*table.descriptions, *table.utterances)
            )
        )
        embedded = tuned.vectors([*texts, *held])
        loss, parts = _loss(
            tables, dict(zip(texts, embedded, strict=False)), none, frozen, settings
        )
        now, before = embedded[len(texts) :], frozen.vectors(held)
        hold = (now @ now.T - before @ before.T).square().mean()
        (loss + HOLD * hold).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(free, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        with torch.no_grad():
            # While few steps are done, the mean is of these alone, not of the first weights.
            torch._foreach_lerp_(mean, free, 1.0 - min(settings.average, step / (step + 10)))
        line = {
            "step": step + 1,
            **{name: round(value, 4) for name, value in parts.items()},
            "hold": round(float(hold.detach()), 6),
            "none": [round(value, 3) for value in none.tolist()],
            "texts": len(texts),
            "seconds": round(time.perf_counter() - began, 2),
        }
        with (out / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == last:
            aside = checkpoint.with_suffix(".new")
            torch.save(
                {
                    "settings": asdict(settings),
                    "step": step + 1,
                    "body": tuned.body.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "schedule": schedule.state_dict(),
                    "none": none.data,
                    "mean": mean,
                },
                aside,
            )
            aside.replace(checkpoint)
    if last < settings.steps:
        return checkpoint
    tuned.body.eval()
    with torch.no_grad():
        torch._foreach_copy_(free, mean)
    tuned.whole.save(str(out / "model"), create_model_card=False)
    return out / "model"
