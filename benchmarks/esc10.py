"""Measure the accuracy on real recordings.

``python benchmarks/esc10.py [FOLDER] --recipes default --folds 1,2,3,4,5 --seeds 1,2,3 --at-once 2``

ESC-10 (Piczak 2015): 400 field recordings of five seconds, ten classes, five official folds that share no recording.
Each fold of each recipe and seed is a run of its own, trained on the other four folds; after an interruption the same
command resumes it after its last epoch. Its figures are those of the last epoch, never of the best, and are appended to
``results/esc10.jsonl``:

- ``lwlrap``, ``accuracy`` and ``bce`` (binary cross-entropy) of the middle crops of the held-out clips, as a published
  ensemble scores them; the scores themselves are in ``results/esc10``;
- ``augmented``: the same figures of clips cropped at random and masked, if the recipe measures its epochs so, as the
  published method does;
- the seconds of its epochs, the size of the network inputs, the number of weights.

``--table`` prints the newest settings of each recipe, for docs/accuracy.md; ``--pairs`` prints how much each recipe is
above the first one on the same clips. Settings are tuned elsewhere: on folds 2 to 5 alone, each held out in turn
(``trials.py``), and with noisy.py.
"""

from __future__ import annotations

from pathlib import Path

from cross_validation import FoldedSet, cross_validate
from fold_tables import People

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10"


def main() -> None:
    """Train and score each combination that is not recorded yet."""
    cross_validate(FoldedSet("esc10", "ESC-10", ESC10, People(0.957)), __doc__)


if __name__ == "__main__":
    main()
