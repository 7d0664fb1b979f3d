"""The commands ``audiotag trust``, ``noise-gate`` and ``familiarity``: how far an ensemble can be trusted."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line, print_table, say
from audiotag.cli.progress import bar
from audiotag.errors import AudiotagError
from audiotag.wording import as_number

if TYPE_CHECKING:
    from audiotag.tagging.familiar import Familiar
    from audiotag.trust.labelled_scores import LabelledScores
    from audiotag.trust.noise_gate import NoiseGate

TRUST_HELP = (
    "Print how far an ensemble's scores can be trusted: calibration, precision and recall with intervals, and which "
    "labels are confused, out of fold."
)
GATE_HELP = (
    "Play noises and speech to an ensemble, print the false tags per hour, and write them into the ensemble's card."
)
FAMILIARITY_HELP = (
    "Measure what the sounds are like that an ensemble was trained on, so that it knows which sounds are unlike them."
)
MAX_PAIRS = 10


def add_trust(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag trust``."""
    sub.add_argument("ensemble", help="name or folder of the ensemble")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")


def add_noise_gate(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag noise-gate``."""
    sub.add_argument("ensemble", help="name or folder of the ensemble")
    sub.add_argument(
        "--windows",
        type=int,
        default=48,
        metavar="N",
        help="windows of each sound at each level; more take longer and give narrower intervals (default: 48)",
    )
    sub.add_argument(
        "--no-save", dest="save", action="store_false", help="print the result without writing it into the card"
    )
    sub.add_argument("--json", action="store_true", help="print the result as JSON")


def add_familiarity(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag familiarity``."""
    sub.add_argument("ensemble", help="name or folder of the ensemble")
    sub.add_argument("dataset", type=local_or_remote_path, help="folder or table of the dataset that it was trained on")


def trust(options: argparse.Namespace) -> int:
    """Print what the out-of-fold scores of an ensemble say about its scores and tags."""
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.tagging.out_of_fold import read_out_of_fold

    folder = find_ensemble(options.ensemble)
    card = read_card(folder)
    found = read_out_of_fold(folder, card)
    if found is None:
        raise AudiotagError(
            f"{card.name} holds no out-of-fold scores, so nothing is known about its scores; publish it again."
        )
    labelled = found.labelled(card)
    if options.json:
        print_json(_as_json(labelled) | ({"noise_gate": card.noise_gate.to_dict()} if card.noise_gate else {}))
        return ALL_DONE
    print_line(f"{card.name}, {len(labelled.scores):,} clips out of fold, each scored by the fold that held it out")
    _print_calibration(labelled)
    _print_labels(labelled)
    _print_pairs(labelled)
    if card.noise_gate is not None:
        print_line()
        print_gate(card.name, card.noise_gate)
    else:
        print_line()
        print_line(f"The noise gate is not measured yet: audiotag noise-gate {folder.name}")
    own = read_card(card.network_folders(folder)[0])  # a blend knows what its first member does
    if not own.familiar and card.blend is not None:
        print_line(
            "It does not know which sounds are unlike its training sounds. It would know what its first member knows: "
            f"audiotag familiarity {card.blend.members[0].name} DATASET, then blend again."
        )
    elif not own.familiar:
        print_line(
            f"It does not know which sounds are unlike its training sounds: audiotag familiarity {folder.name} DATASET"
        )
    return ALL_DONE


def noise_gate(options: argparse.Namespace) -> int:
    """Measure the noise gate of an ensemble."""
    from audiotag.tagging.ensemble import find_ensemble
    from audiotag.tagging.noise_gate_measurement import GateSettings

    settings = GateSettings(options.windows)
    folder = find_ensemble(options.ensemble)
    found = run_noise_gate(folder, settings, save=options.save)
    if options.json:
        print_json(found.to_dict())
    else:
        print_gate(folder.name, found)
    return ALL_DONE


def run_noise_gate(folder: Path, settings: Any = None, save: bool = True) -> NoiseGate:
    """Measure the noise gate of the ensemble in a folder with a progress bar, and write it into its card."""
    from audiotag.tagging.noise_gate_measurement import gate_tagger, measure_noise_gate, save_noise_gate

    tagger = gate_tagger(folder, say)
    with bar("noise gate", "window") as progress:
        found = measure_noise_gate(tagger, settings, progress)
    if save:
        save_noise_gate(folder, found)
    return found


def familiarity(options: argparse.Namespace) -> int:
    """Measure what the training sounds of an ensemble are like, and store it with the ensemble."""
    from audiotag.data.layouts import absolute
    from audiotag.tagging.ensemble import find_ensemble

    folder = find_ensemble(options.ensemble)
    threshold = run_familiarity(folder, absolute(options.dataset)).threshold
    print_line(
        f"{folder.name} now knows its training sounds: 95 % of its right tags have a familiarity of at least "
        f"{threshold:.3f}, out of fold; what has less is unlike them."
    )
    return ALL_DONE


def run_familiarity(folder: Path, dataset: Path) -> Familiar:
    """Measure the familiarity of the ensemble in a folder with a progress bar, and store it with the ensemble."""
    from audiotag.tagging.familiarity_measurement import measure_and_save

    with bar("familiarity", "clip") as progress:
        return measure_and_save(folder, dataset, progress, say)


def print_gate(name: str, gate: NoiseGate) -> None:
    """Print the false tags of each kind of sound, and of each label."""
    print_line(
        f"{name}: false tags on {gate.seconds / 60:.0f} minutes of sounds that should get no tag, in windows of "
        f"{gate.window_s:g} s. Speech: {gate.speech}."
    )
    table = gate.by_sound()
    table["level"] = [f"{as_number(level, '.0f')} dBFS" if level == level else "" for level in table["level (dBFS)"]]
    table["of windows"] = [
        f"{row.share:.0%} ({row.share_low:.0%} to {row.share_high:.0%})" for row in table.itertuples()
    ]
    print_table(table[["kind", "level", "of windows", "per hour", "most often"]].set_index("kind"), "{:.0f}")
    rates = gate.by_label()
    if len(rates):
        print_line()
        print_line("False tags per hour of each label, over all levels:")
        print_table(rates, "{:.0f}")
    excused = sorted({f"{label} ({one.kind})" for one in gate.played for label in one.not_counted})
    if excused:
        print_line(f"Not counted, because right: {', '.join(excused)}.")


def _print_calibration(labelled: LabelledScores) -> None:
    from audiotag.trust.temperature import fit_calibration

    found = fit_calibration(labelled)
    print_line()
    print_line(f"{'calibration':38}  as scored  calibrated")
    for name, before, after in (
        ("expected calibration error, all scores", found.ece, found.calibrated_ece),
        ("… of each clip's highest score", found.highest_ece, found.calibrated_highest_ece),
        ("Brier score", found.brier, found.calibrated_brier),
        ("log loss", found.log_loss, found.calibrated_log_loss),
    ):
        print_line(f"{name:38}  {before:9.4f}  {after:10.4f}")
    print_line(
        f"temperature {found.temperature:.3f}; “calibrated” is measured on clips of folds that it was not fitted to."
    )


def _print_labels(labelled: LabelledScores) -> None:
    from audiotag.trust.tag_quality import overall_quality, tag_quality, worst_first

    print_line()
    print_line("Precision and recall at the card's thresholds, with 95 % intervals; the lowest F1 first:")
    table = worst_first(tag_quality(labelled.labels, labelled.targets, labelled.tags)).set_index("label")
    shown = table[["positives", "tagged", "right"]].astype(int)
    for name in ("precision", "recall"):
        columns = (table[name], table[f"{name}_low"], table[f"{name}_high"])
        shown[name] = [
            "unknown" if value != value else f"{value:.2f} ({low:.2f} to {high:.2f})"
            for value, low, high in zip(*columns, strict=True)
        ]
    print_table(shown, "{:.2f}")
    overall = overall_quality(labelled.targets, labelled.tags)
    line = f"all labels: precision {overall['precision']:.3f}, recall {overall['recall']:.3f}"
    other = labelled.cross_fitted_tags()
    if other is not None:
        honest = overall_quality(labelled.targets, other)
        line += (
            f"; with thresholds chosen on the other folds: precision {honest['precision']:.3f}, "
            f"recall {honest['recall']:.3f}"
        )
    print_line(f"{line}.")


def _print_pairs(labelled: LabelledScores) -> None:
    from audiotag.trust.confusion import confusion

    found = confusion(labelled.labels, labelled.targets, labelled.best_tags)
    pairs = found.pairs()
    print_line()
    if not len(pairs):
        print_line("No label is mistaken for another one.")
        return
    print_line(f"Confused most, if each clip gets as many tags as it has labels ({len(pairs):,} pairs in total):")
    for row in pairs.head(MAX_PAIRS).itertuples():
        print_line(f"  {row.label} tagged as {row[2]}: {row.clips:.3g} of {row.of} clips")


def _as_json(labelled: LabelledScores) -> dict[str, Any]:
    from dataclasses import asdict

    from audiotag.trust.confusion import confusion
    from audiotag.trust.reliability import reliability
    from audiotag.trust.tag_quality import tag_quality
    from audiotag.trust.temperature import fit_calibration

    def rows(table: Any) -> list[dict[str, Any]]:
        return [
            {str(name): None if value != value else value for name, value in row.items()}
            for row in table.to_dict("records")
        ]

    return {
        "origin": labelled.origin,
        "clips": len(labelled.scores),
        "calibration": asdict(fit_calibration(labelled)),
        "reliability": rows(reliability(labelled.targets, labelled.scores).bins),
        "labels": rows(tag_quality(labelled.labels, labelled.targets, labelled.tags)),
        "confused": rows(confusion(labelled.labels, labelled.targets, labelled.best_tags).pairs()),
    }
