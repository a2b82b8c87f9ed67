"""``python -m routing_engine.training``: check a corpus of callers, and tune an encoder on it."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from routing_engine.errors import RoutingError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0; 1 where something failed, or a business is poorly written.
    """
    parser = argparse.ArgumentParser(prog="python -m routing_engine.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("check", help="measure how well the corpus is written")
    checking.add_argument("corpus", type=Path, help="folder of the corpus")
    tuning = commands.add_parser("tune", help="tune the encoder; goes on where it was stopped")
    tuning.add_argument("corpus", type=Path, help="folder of the corpus")
    tuning.add_argument("--out", type=Path, required=True, metavar="DIR")
    tuning.add_argument(
        "--intents",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="sets of public intents to learn from, too",
    )
    tuning.add_argument("--model", help="model to begin with (the packaged one)")
    tuning.add_argument("--steps", type=int, default=800)
    tuning.add_argument("--until", type=int, metavar="STEP", help="pause after this step")
    tuning.add_argument("--seed", type=int, default=0)
    tuning.add_argument("--rate", type=float, default=6e-5)
    tuning.add_argument("--dropout", type=float, default=0.0, help="share left out by a step (0)")
    tuning.add_argument(
        "--average", type=float, default=0.0, help="decay of the mean of the weights; 0: the last"
    )
    tuning.add_argument(
        "--heard", action="store_true", help="conversations, too, and as a recogniser writes"
    )
    differing = commands.add_parser("delta", help="write what tuning changed of the weights")
    differing.add_argument("model", type=Path, help="folder of the tuned model")
    differing.add_argument("--out", type=Path, required=True, metavar="FILE")
    building = commands.add_parser("build", help="compile base and delta into the package")
    building.add_argument("delta", type=Path, help="file that `delta` wrote")
    building.add_argument("--name", required=True, help="what the encoder is to be called")
    telling = commands.add_parser("typical", help="write the typical calls into the package")
    telling.add_argument("corpus", type=Path, help="folder of the corpus; its train split is read")
    options = parser.parse_args(arguments)
    run = {
        "check": _check, "tune": _tune, "delta": _delta, "build": _build, "typical": _typical,
    }[options.command]  # fmt: skip
    try:
        return run(options)
    except RoutingError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1


def _check(options: argparse.Namespace) -> int:
    from routing_engine.encoders import default_encoder
    from routing_engine.training.checking import check
    from routing_engine.training.corpus import SPLITS, read_corpus

    encoder = default_encoder()
    n_poor = n_utterances = 0
    for business in read_corpus(options.corpus, *SPLITS):
        measures = check(business, encoder)
        n_poor += bool(measures.faults)
        n_utterances += measures.n_utterances
        print(
            f"{measures.name:32}{measures.n_utterances:5} utterances, {measures.free:.0%} free of "
            f"the rule's words, {measures.distinct:.2f} distinct pairs, "
            f"median {measures.median_words:g} words"
        )
        for fault in measures.faults:
            print(f"    {fault}")
    print(f"{n_utterances:,} utterances; {n_poor} businesses are poor")
    return int(n_poor > 0)


def _tune(options: argparse.Namespace) -> int:
    from routing_engine.training.corpus import read_corpus
    from routing_engine.training.intents import read_intents
    from routing_engine.training.tuning import Settings, tune

    businesses = read_corpus(options.corpus, "train", "draft")
    if options.intents:
        businesses += read_intents(options.intents)
    made = tune(
        businesses,
        options.out,
        settings=Settings(
            steps=options.steps,
            seed=options.seed,
            rate=options.rate,
            dropout=options.dropout,
            average=options.average,
            heard=options.heard,
        ),
        model=options.model,
        until=options.until,
    )
    print(made)
    return 0


def _delta(options: argparse.Namespace) -> int:
    from routing_engine.training.delta import save_delta

    save_delta(options.model, options.out)
    return 0


def _build(options: argparse.Namespace) -> int:
    from routing_engine.encoders.build import build
    from routing_engine.encoders.model_files import packaged_folder
    from routing_engine.training.delta import restore

    with tempfile.TemporaryDirectory() as folder:
        model = restore(options.delta, Path(folder) / options.name)
        made = build(model, packaged_folder(), base="all-MiniLM-L6-v2", name=options.name)
    print(f"{made.folder}: {made.fingerprint}")
    return 0


def _typical(options: argparse.Namespace) -> int:
    from routing_engine.encoders import default_encoder
    from routing_engine.encoders.model_files import packaged_folder
    from routing_engine.matching.profiles import background_for
    from routing_engine.quality.typical import TypicalSituation, write_typical
    from routing_engine.training.corpus import read_corpus

    encoder = default_encoder()
    situations = [
        TypicalSituation(business.trade, item.label, item.whens, item.utterances)
        for business in read_corpus(options.corpus, "train")
        for item in business.situations
    ]
    folder = packaged_folder().parent
    n_bytes = write_typical(situations, folder, encoder, background_for(encoder))
    print(f"{folder}: {len(situations)} situations, {n_bytes:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
