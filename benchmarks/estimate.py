"""Compare the estimated time of a training with the time that it takes: ``python benchmarks/estimate.py [FOLDER]``.

On ESC-10 (or the folder given) and for each recipe the estimate is measured and then one fold is trained for a few
epochs, alternately in one run on the same machine. Prints both times and their ratio for each round.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from accuracy_results import seconds_of
from esc10 import ESC10

from audiotag.training.estimate import Estimate, run_estimate
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_run
from audiotag.training.runs import RunSettings
from audiotag.workspace import Workspace


def main() -> None:
    """Estimate and train alternately, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=ESC10, help="folder of a dataset (default: ESC-10)")
    parser.add_argument("--recipes", default="default,capstone", help="names or .toml files, separated by commas")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each stage")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    for number in range(options.rounds):
        for name in options.recipes.split(","):
            recipe = load_recipe(name).with_epochs((options.epochs,))
            estimated_s, trained_s = compare(RunSettings(str(options.folder.resolve()), recipe, (1,), device="cpu"))
            print(
                f"round {number + 1}, {recipe.title}: estimated {estimated_s:.1f} s, trained in {trained_s:.1f} s, "
                f"ratio {estimated_s / trained_s:.2f}",
                flush=True,
            )


def compare(settings: RunSettings) -> tuple[float, float]:
    """The estimated seconds of a run, and the seconds of its epochs."""
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace(Path(home))
        estimate = Estimate.of(settings, workspace)
        run_estimate(estimate, rates=False)
        result = estimate.result()
        assert result is not None  # it was just measured
        return result["total_s"], seconds_of(train_run(settings, workspace))


if __name__ == "__main__":
    main()
