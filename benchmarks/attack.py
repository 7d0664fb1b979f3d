"""Attack audiotag, and count what survives: ``python benchmarks/attack.py [--files N] [--kills N] [--damages N] …``.

Four attacks, each with its own module in ``benchmarks/attacks/``:

- files: mutated sound files in every format go through ``tag`` and ``scan --measure``;
- kills: tag, measure, train, publish, demo and app are killed at random moments and started again;
- damages: files of a workspace are halved, emptied or zeroed, one at a time, and every page and command is tried;
- scans: many datasets are scanned at the same time.

A table says for each what was tried, what survived, what was named in a sentence, and what was lost. The exit status is
1 if anything was lost. ``--files 200 --kills 6 --damages 2`` is a quick look; without options it takes about an hour on
two cores. Mutations, moments and choices follow from fixed seeds; a kill after so many seconds may still hit another
line of the program.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from attacks import damages, kills, mutated_files, scans
from attacks.observed import Tally, audiotag, run

SHARES = {"tag": 0.2, "measure": 0.2, "train": 0.2, "publish": 0.14, "demo": 0.14, "app": 0.12}  # of all kills
MAX_SHOWN = 25


def main() -> None:
    """Run the attacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--files", type=int, default=10_000, help="mutated files (default: 10000)")
    add("--kills", type=int, default=100, help="kills over all commands (default: 100)")
    add("--damages", type=int, default=damages.FILES, help="files damaged, each in three ways (default: 45)")
    add("--only", default="", metavar="REGEX", help="damage only files whose path in the workspace matches this")
    add("--scans", type=int, default=36, help="datasets scanned, twelve at the same time (default: 36)")
    add("--json", type=Path, metavar="FILE", help="also write the tallies to a file")
    options = parser.parse_args()
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        root = Path(temporary)
        sounds, home = render_sounds(root / "sounds"), root / "workspace"
        run(audiotag("tag", next((sounds / "test").glob("*.wav"))), home)  # chooses the engine, once
        if options.scans:
            tallies.append(show(scans.attack(root / "scans", home, options.scans)))
        if options.files:
            tallies += map(show, mutated_files.attack(root / "mutated", home, options.files))
        if options.kills:
            counts = {name: max(round(share * options.kills), 1) for name, share in SHARES.items()}
            tallies += map(show, kills.attack(root / "kills", home, sounds, counts))
        if options.damages:
            tallies.append(show(damages.attack(root / "damages", sounds, options.damages, only=options.only)))
    if options.json:
        options.json.write_text(json.dumps([vars(tally) for tally in tallies], indent=2) + "\n")
    sys.exit(any(tally.lost for tally in tallies))


def render_sounds(folder: Path) -> Path:
    """A small set of starter sounds."""
    from audiotag.starter.render import StarterCounts, render_starter

    return render_starter(folder, counts=StarterCounts(curated=60, noisy=60, test=30), workers=1)


def show(tally: Tally) -> Tally:
    """Print one row of the table, and below it what was lost."""
    figures = ", ".join(f"{name} {value}" for name, value in tally.figures.items())
    print(
        f"{tally.name:24} tried {tally.tried:6,}  survived {tally.survived:6,}  named {tally.named:6,}  "
        f"lost {len(tally.lost):3}  {figures}",
        flush=True,
    )
    for sentence in tally.lost[:MAX_SHOWN]:
        print("    " + sentence.replace("\n", "\n    "), flush=True)
    return tally


if __name__ == "__main__":
    main()
