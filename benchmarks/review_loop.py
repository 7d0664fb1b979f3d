"""Measure what a review brings: ``python benchmarks/review_loop.py --seeds 1,2,3``.

On the starter sounds, for each seed: five folds are trained on the right labels and on labels of which 10 % of the
clips have an error. The first 100 doubts of the latter are then answered as somebody would who hears what is in each
clip, through the functions of the Review page, and the same recipe is trained on the corrected labels, with the same
folds and seed. All three are compared on the right labels of their held-out clips (`audiotag.training.comparison`).

The share of the loss that comes back is (corrected − wrong) / (right − wrong), in lwlrap; its interval is a bootstrap
over clips, 2,000 resamples, the same ones for all three. An interrupted training is resumed by the same command.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_results import digest, is_recorded, read_results, record, seconds_of
from review import FILE, RECIPE, make_set, recipe_of, train, truth_of
from review_sets import ClipLabels, true_labels

from audiotag.data.layouts import open_dataset
from audiotag.data.verdicts import Answer, Verdict, VerdictJournal
from audiotag.metrics import label_precisions
from audiotag.review.answers import choices_of, is_given, verdict_of
from audiotag.review.doubts import Doubt
from audiotag.review.ranking import find_doubts
from audiotag.review.scored_clips import match_scores
from audiotag.training.begun import read_corrections
from audiotag.training.comparison import compare_held_out
from audiotag.training.held_out import read_held_out
from audiotag.training.runs import Run
from audiotag.workspace import Workspace

SHARE = 10  # of the clips, in per cent
VERDICTS = 100  # fixed before anything was measured
REVIEWER = "truth"
RESAMPLES = 2000


def main() -> None:
    """Measure each seed that is not recorded yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--recipe", default=str(RECIPE), help="name or .toml file")
    parser.add_argument("--table", action="store_true", help="print the recorded figures without training")
    options = parser.parse_args()
    if options.table:
        print(table(read_results(FILE)))
        return
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for seed in seeds:
        measure_loop(seed, options.recipe)
    measure_all(seeds, options.recipe)


def measure_loop(seed: int, recipe_name: str) -> None:
    """Train, review, train again and compare, unless that is recorded already."""
    recipe = recipe_of("starter", seed, recipe_name)
    key = {"part": "loop", "set": "starter", "share": SHARE, "seed": seed, "settings": digest(recipe)}
    if is_recorded(FILE, key):
        return
    folder, runs, verdicts = three_runs(seed, recipe_name)
    answers = [verdict.answer for verdict in verdicts]
    row: dict[str, Any] = key | {
        "verdicts": len(verdicts),
        "answers": {answer: answers.count(answer) for answer in sorted(set(answers))},
        **errors_left(folder, runs["corrected"]),
        **compare(folder, runs),
        "seconds": round(sum(map(seconds_of, runs.values()))),
    }
    record(FILE, row)
    print(json.dumps(row), flush=True)


def measure_all(seeds: list[int], recipe_name: str) -> None:
    """Record the share of the loss that comes back over all seeds together; clips are resampled once for all."""
    recipe = recipe_of("starter", 0, recipe_name)
    key = {"part": "loop of all seeds", "seeds": seeds, "settings": digest(recipe)}
    if is_recorded(FILE, key):
        return
    of_seeds = [sums_of_clips(*three_runs(seed, recipe_name)[:2]) for seed in seeds]
    row = key | share_back(*(np.sum(parts, axis=0) for parts in zip(*of_seeds, strict=True)))
    record(FILE, row)
    print(json.dumps(row), flush=True)


def three_runs(seed: int, recipe_name: str) -> tuple[Path, dict[str, Run], list[Verdict]]:
    """The set with errors; the runs on right, wrong and corrected labels; the verdicts."""
    recipe = recipe_of("starter", seed, recipe_name)
    right = train(make_set("starter", 0, seed, recipe), recipe)
    folder = make_set("starter", SHARE, seed, recipe)
    wrong = train(folder, recipe)
    verdicts = review(folder, wrong)
    corrected = train(folder, recipe, corrected=True)
    return folder, {"right": right, "wrong": wrong, "corrected": corrected}, verdicts


def review(folder: Path, run: Run) -> list[Verdict]:
    """Answer the first doubts by the truth; a journal that has the answers already is left as it is."""
    journal = VerdictJournal.of(folder.resolve(), Workspace())
    if not journal.verdicts():
        truth = true_labels(folder)
        doubts = find_doubts(open_dataset(folder), read_held_out(run))[:VERDICTS]
        for doubt in doubts:
            journal.append([answer_of(doubt, truth)])
    return journal.verdicts()


def answer_of(doubt: Doubt, truth: ClipLabels) -> Verdict:
    """What somebody answers who hears what is in the clip, and knows only the keys that the page offers."""
    right = truth[doubt.subset, doubt.clip]
    answer: Answer
    other = None
    if is_given(doubt):
        missing = [choice for choice in choices_of(doubt) if choice.answer == "other" and choice.other in right]
        answer = "right" if doubt.label in right else "other" if missing else "wrong"
        other = missing[0].other if answer == "other" else None
    else:
        answer = "add" if doubt.label in right else "right"
    return verdict_of(doubt, answer, REVIEWER, other)


def errors_left(folder: Path, corrected: Run) -> dict[str, int]:
    """How many labels, given and missing, were wrong before and after the corrections that a run was trained on."""
    truth, clips = true_labels(folder), open_dataset(folder).clips
    before = dict(zip(zip(clips["subset"], clips["clip"], strict=True), clips["labels"], strict=True))
    after = before | {(change.subset, change.clip): change.after for change in read_corrections(corrected)}
    wrong, left = (sum(len(set(labels[key]) ^ set(truth[key])) for key in truth) for labels in (before, after))
    return {"errors": wrong, "errors_left": left}


def compare(folder: Path, runs: dict[str, Run]) -> dict[str, Any]:
    """Differences in lwlrap on the right labels, and the share of the loss that the review brings back."""
    truth = true_labels(folder)
    held_out = {name: read_held_out(run) for name, run in runs.items()}
    differences = {
        f"{second} against {first}": compare_held_out(held_out[first], held_out[second], truth, names=(first, second))
        for first, second in (("right", "wrong"), ("wrong", "corrected"), ("right", "corrected"))
    }
    sums, counts = sums_of_clips(folder, runs)
    return {
        "lwlrap": {name: round(float(each.sum() / counts.sum()), 4) for name, each in zip(runs, sums, strict=True)},
        "differences": {name: result.lwlrap.to_dict() for name, result in differences.items()},
        **share_back(sums, counts),
    }


def sums_of_clips(folder: Path, runs: dict[str, Run]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the precisions at the right labels, shape ``(runs, clips)``, and the number of right labels per clip."""
    dataset, sums = open_dataset(folder), []
    counts = np.zeros(0)
    for run in runs.values():
        scored = match_scores(dataset, read_held_out(run))
        right = truth_of(folder, scored)
        sums.append((label_precisions(right, scored.scores) * right).sum(axis=1))
        counts = right.sum(axis=1)
    return np.array(sums), counts


def share_back(sums: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """The share of the loss that comes back, with its interval."""
    drawn = np.random.default_rng(0).integers(len(counts), size=(RESAMPLES, len(counts)))
    share = share_of(*(each.sum() / counts.sum() for each in sums))
    shares = share_of(*(each[drawn].sum(axis=1) / counts[drawn].sum(axis=1) for each in sums))
    low, high = np.nanpercentile(shares, (2.5, 97.5))
    return {"share_back": round(float(share), 3), "share_back_interval": [round(float(low), 3), round(float(high), 3)]}


def share_of(right: Any, wrong: Any, corrected: Any) -> Any:
    """The share of the loss from right to wrong labels that corrected ones bring back."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (corrected - wrong) / (right - wrong)


def table(rows: list[dict[str, Any]]) -> str:
    """The figures of each seed, in Markdown."""
    lines = [
        "| seed | lwlrap: right labels | 10 % wrong | corrected | gain of the review | share of the loss back | "
        "wrong labels before, after |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in [row for row in rows if row["part"] == "loop"]:
        gain, values = row["differences"]["corrected against wrong"], row["lwlrap"]
        low, high = row["share_back_interval"]
        lines.append(
            f"| {row['seed']} | {values['right']:.4f} | {values['wrong']:.4f} | {values['corrected']:.4f} | "
            f"{gain['difference']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f}) | {row['share_back']:.2f} "
            f"({low:.2f} to {high:.2f}) | {row['errors']}, {row['errors_left']} |"
        )
    for row in [row for row in rows if row["part"] == "loop of all seeds"]:
        low, high = row["share_back_interval"]
        lines.append(f"| all | | | | | {row['share_back']:.2f} ({low:.2f} to {high:.2f}) | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
