"""The command ``audiotag export``: write an ensemble as a tagger that needs no audiotag."""

from __future__ import annotations

import argparse
from pathlib import Path

from audiotag.cli.arguments import add_combination
from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_line

HELP = "Write an ensemble as one ONNX file from waveform to scores, with a script and a web page that tag by it."


def add_export(sub: argparse.ArgumentParser) -> None:
    """Options of ``audiotag export``."""
    sub.add_argument("ensemble", metavar="ENSEMBLE", help="name or folder of the ensemble")
    sub.add_argument(
        "--out",
        type=Path,
        default=Path("tagger.onnx"),
        metavar="FILE.onnx",
        help="file to write; tag.py and index.html are written beside it (default: tagger.onnx)",
    )
    sub.add_argument("--json", action="store_true", help="print the files and their sizes as JSON")
    sub.add_argument(
        "--single", action="store_true", help="write the ensemble's single network instead of all its folds"
    )
    add_combination(sub)


def export(options: argparse.Namespace) -> int:
    """Write the files, and say what they are for."""
    from audiotag.tagging.settings import TagSettings
    from audiotag.tagging.standalone.files import export_tagger

    settings = TagSettings(
        combine=options.combine,
        overlap=options.overlap,
        windows=options.windows,
        folds=options.folds,
        calibrated=options.calibrated,
        fast=options.single,
    )
    files = export_tagger(options.ensemble, options.out, settings)
    uses = {
        files.model: "waveform to scores, for ONNX Runtime",
        files.script: "tags sounds: pip install onnxruntime numpy soundfile, then python tag.py SOUND",
        files.page: "tags sounds in a browser: open it, no server or network is needed",
    }
    sizes = {path: path.stat().st_size for path in uses}
    if options.json:
        from audiotag.cli.printing import print_json

        print_json([{"file": str(path), "bytes": size} for path, size in sizes.items()])
        return ALL_DONE
    for path, use in uses.items():
        print_line(f"{path} ({sizes[path] / 1e6:.1f} MB): {use}" if sizes[path] > 1e5 else f"{path}: {use}")
    return ALL_DONE
