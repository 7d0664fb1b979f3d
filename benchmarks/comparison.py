"""Measure how often the comparison of two runs is wrong: of equally good runs, and of runs of which one is better.

Clips have one of 20 labels and a difficulty that both runs share; each run adds its own noise to the scores. Equally
good runs must be told apart in at most about 5 % of comparisons, whatever the number of recordings. Beside the interval
that `audiotag.training.paired_bootstrap` uses, the plain percentile interval is shown.
"""

from __future__ import annotations

import argparse

import numpy as np

from audiotag.metrics import label_precisions
from audiotag.training.paired_bootstrap import sums_of

LABELS = 20
RESAMPLES = 1000


def scores_of(rng: np.random.Generator, targets: np.ndarray, clarity: np.ndarray, gain: float) -> np.ndarray:
    """Scores of a run; ``clarity`` says how much each clip's label stands out, and ``gain`` is added to it."""
    return targets * (clarity + gain)[:, None] + rng.normal(size=targets.shape)


def plain_interval(rng: np.random.Generator, targets: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The plain percentile interval of the difference in lwlrap of clips that have one label each."""
    precisions = [(targets * label_precisions(targets, scores)).sum(axis=1) for scores in (first, second)]
    drawn = rng.integers(len(targets), size=(RESAMPLES, len(targets)))
    return np.quantile((precisions[1] - precisions[0])[drawn].mean(axis=1), [0.025, 0.975])


def main() -> None:
    """Print one row per number of recordings and difference of the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=1000, help="simulated comparisons per row (default: 1000)")
    parser.add_argument("--recordings", type=int, nargs="+", default=[6, 10, 20, 50, 200, 1000])
    options = parser.parse_args()
    print("| recordings | difference | plain interval excludes 0 | interval excludes 0 | called better or worse |")
    print("|---|---|---|---|---|")
    for gain in (0.0, 0.5):
        for count in options.recordings:
            rng = np.random.default_rng(count)
            plain, excluded, told, found = 0, 0, 0, []
            for _ in range(options.comparisons):
                targets = np.eye(LABELS)[rng.integers(LABELS, size=count)]
                clarity = rng.normal(3, 1, size=count)
                first, second = scores_of(rng, targets, clarity, 0), scores_of(rng, targets, clarity, gain)
                result = sums_of(targets, first, second, None, np.arange(count)).differences()[0]
                low, high = plain_interval(rng, targets, first, second)
                plain += not low <= 0 <= high
                excluded += not result.low <= 0 <= result.high
                told += result.conclusion != "cannot be told apart"
                found.append(result.difference)
            shares = " | ".join(f"{100 * number / options.comparisons:.1f} %" for number in (plain, excluded, told))
            print(f"| {count:,} | {np.mean(found):+.3f} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
