"""The command ``audiotag explain``: which part of a sound an ensemble used for a label, as a map and as sounds."""

from __future__ import annotations

import argparse
import csv
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiotag.cli.arguments import local_or_remote_path
from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line, say
from audiotag.errors import AudiotagError
from audiotag.workspace import read_json, write_bytes, write_json

if TYPE_CHECKING:
    from audiotag.tagging.explanation import LabelExplanation

HELP = (
    "Show which part of a sound an ensemble used for a label, and write the sound with only that part, and without it."
)
FACTS = "explanation.json"  # written first, so that a folder with it is one of this command's
FILES = ("original.wav", "only.wav", "without.wav", "map.csv", FACTS)
OWN_KEYS = {"label", "share", "score_with_only_the_part", "score_without_the_part"}  # by which FACTS is known


def add_explain(sub: argparse.ArgumentParser) -> None:
    """Add the options of ``audiotag explain``."""
    sub.epilog = (
        "Parts of the log-mel spectrogram are covered one after the other; what makes the label's score fall matters. "
        "The sounds are cut from the real waveform, and are tagged again."
    )
    add = sub.add_argument
    add("sound", type=local_or_remote_path, help="path or address of a sound")
    add("--label", metavar="LABEL", help="label to explain (default: the one that scores highest)")
    add("--ensemble", default="starter", metavar="NAME", help="name or folder of the ensemble (default: starter)")
    add(
        "--at",
        type=float,
        metavar="SECONDS",
        help="explain the window around this time (default: the one in which the label scores highest)",
    )
    add(
        "--share",
        type=float,
        metavar="SHARE",
        help="how much of time and frequency is heard, above 0 to 1 (default: what explains the label best)",
    )
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="write into this folder original.wav, only.wav, without.wav, map.csv (mel bands in rows, times in "
        "columns) and explanation.json",
    )
    add("--json", action="store_true", help="print the result as JSON")


def explain(options: argparse.Namespace) -> int:
    """Explain a label of a sound."""
    from audiotag.tagging.explanation import explain_sound
    from audiotag.tagging.opening import open_tagger

    if options.out:
        _check_folder(options.out, options.sound)
    tagger = open_tagger(options.ensemble, say=say)
    found = explain_sound(tagger, options.sound, options.label, options.at, options.share)
    facts = _facts(found, options.sound, tagger.card.name)
    if options.out:
        _write(found, facts, options.out)
    if options.json:
        print_json(facts)
        return ALL_DONE
    section = found.section
    print_line(
        f"{found.label}, {section.start_s:.2f} to {section.start_s + section.duration_s:.2f} s of {section.name}: "
        f"score {found.score:.3f}"
    )
    print_line(f"  with only {found.part.share:.0%} of time and frequency: {found.part.only_score:.3f}")
    print_line(f"  without that part: {found.part.without_score:.3f}")
    if options.out:
        print_line(f"written to {options.out}")
    return ALL_DONE


def _check_folder(folder: Path, sound: Path) -> None:
    """Raise if a file would be written over the sound, or over one that this command did not write."""
    if any((folder / name).resolve() == sound.resolve() for name in FILES):
        raise AudiotagError(f"--out {folder} would overwrite {sound.name}; choose another folder.")
    present = [name for name in FILES if os.path.lexists(folder / name)]
    if present and not _has_explanation(folder):
        raise AudiotagError(
            f"--out {folder} would overwrite {', '.join(present)}, which audiotag explain did not write; "
            "choose another folder."
        )


def _has_explanation(folder: Path) -> bool:
    """Whether this command wrote into a folder before."""
    facts = None
    with suppress(OSError, ValueError, RecursionError):
        facts = read_json(folder / FACTS)
    return isinstance(facts, dict) and facts.keys() >= OWN_KEYS


def _facts(found: LabelExplanation, sound: Path, ensemble: str) -> dict[str, Any]:
    return {
        "sound": str(sound),
        "ensemble": ensemble,
        "label": found.label,
        "start_s": round(found.section.start_s, 4),
        "end_s": round(found.section.start_s + found.section.duration_s, 4),
        "share": found.part.share,
        "score": round(found.score, 6),
        "score_with_only_the_part": round(found.part.only_score, 6),
        "score_without_the_part": round(found.part.without_score, 6),
    }


def _write(found: LabelExplanation, facts: dict[str, Any], folder: Path) -> None:
    from audiotag.audio.reading import wav_bytes

    write_json(folder / FACTS, facts)
    sounds = (found.section.waveform, found.part.only, found.part.without)
    for name, waveform in zip(FILES, sounds, strict=False):
        write_bytes(folder / name, wav_bytes(waveform, found.section.sample_rate))
    write_bytes(folder / "map.csv", _map_csv(found).encode())


def _map_csv(found: LabelExplanation) -> str:
    """The map as a table: the first row has times in the sound, the first column the centres of the mel bands."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["hz", *(f"{found.section.start_s + time_s:.3f}" for time_s in found.map.times_s)])
    for hertz, row in zip(found.map.frequencies_hz, found.map.values, strict=True):
        table.writerow([f"{hertz:.1f}", *(f"{value:.5g}" for value in row)])
    return text.getvalue()
