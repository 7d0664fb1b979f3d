"""Tables of recorded cross-validations: figures per recipe, accuracy beside that of people, paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from fold_records import Records
from fold_scores import MEASURES, clustered_error, joined, mean_scores, paired_differences

from audiotag.training.paired_bootstrap import Difference


@dataclass(frozen=True)
class People:
    """The share of right answers of people, and of how many answers that is, where it is known."""

    accuracy: float
    answers: int | None = None


def folds_table(rows: list[dict[str, Any]]) -> str:
    """The newest settings of each recipe, in Markdown: means over folds and seeds, and their standard deviations.

    That over folds is of the means over seeds; that over seeds is of the means over folds, of seeds that have all folds
    that any has.
    """
    lines = [
        "| recipe | seeds | lwlrap | accuracy | folds, lwlrap (accuracy) | seconds per fold | threads | network input "
        "| weights |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["recipe"] for row in rows):
        newest = pd.DataFrame(newest_settings(rows, name))
        by_fold = newest.groupby("fold")[["lwlrap", "accuracy", "seconds"]].mean()
        by_seed = newest.groupby("seed")[["lwlrap", "accuracy"]].mean()
        by_seed = by_seed[newest.groupby("seed").size() == len(by_fold)]
        each = ", ".join(f"{row.lwlrap:.3f} ({row.accuracy:.3f})" for row in by_fold.itertuples())
        figures = " | ".join(
            f"{by_fold[measure].mean():.4f} ± {_deviation(by_fold[measure])} (seeds ± {_deviation(by_seed[measure])})"
            for measure in ("lwlrap", "accuracy")
        )
        seeds, last = ", ".join(map(str, sorted(newest["seed"].unique()))), newest.iloc[-1]
        lines.append(
            f"| `{name}` | {seeds} | {figures} | {each} | {by_fold.seconds.mean():.0f} | {last.threads} "
            f"| {last.network_input} | {last.parameters / 1e6:.1f} M |"
        )
    return "\n".join(lines)


def _deviation(values: pd.Series) -> str:
    return f"{values.std(ddof=1):.3f}" if len(values) > 1 else "–"


def people_lines(records: Records, rows: list[dict[str, Any]], people: People) -> list[str]:
    """For each recipe with stored scores, how its accuracy compares with that of people, in standard errors.

    The standard error is over sources, of the mean over seeds. Where the number of answers is known, the difference is
    also given in standard errors that add those of the answers, as if each were by itself.
    """
    lines = []
    for name in dict.fromkeys(row["recipe"] for row in rows):
        parts = records.scores_of(newest_settings(rows, name))
        if not parts:
            continue
        scores = joined(list(parts.values()))
        hits = scores.hits()
        error = clustered_error(hits, scores.sources)
        difference = float(hits.mean()) - people.accuracy
        seeds = len({seed for seed, _ in parts})
        line = (
            f"`{name}`: accuracy {hits.mean():.4f} ± {error:.4f} (standard error over {len(np.unique(scores.sources))} "
            f"sources; {len(np.unique(scores.clips))} clips, {seeds} {'seed' if seeds == 1 else 'seeds'}); people "
            f"{people.accuracy}: {difference:+.4f}, which is {difference / error:+.1f} standard errors"
        )
        if people.answers:
            of_people = np.sqrt(people.accuracy * (1 - people.accuracy) / people.answers)
            line += f", and {difference / np.hypot(error, of_people):+.1f} with those of {people.answers:,} answers"
        lines.append(f"{line}.")
    return lines


def together_lines(records: Records, rows: list[dict[str, Any]]) -> list[str]:
    """For each recipe with stored scores of several seeds: what the mean of their scores reaches, beside one network.

    Seeds count that have all folds that any has.
    """
    lines = []
    for name in dict.fromkeys(row["recipe"] for row in rows):
        parts = records.scores_of(newest_settings(rows, name))
        splits = list(dict.fromkeys(split for _, split in parts))
        seeds = [
            seed for seed in sorted({seed for seed, _ in parts}) if all((seed, split) in parts for split in splits)
        ]
        if len(seeds) < 2:
            continue
        of_splits = [[parts[seed, split] for seed in seeds] for split in splits]
        together = pd.DataFrame([mean_scores(each).figures() for each in of_splits]).mean()
        alone = pd.DataFrame([one.figures() for each in of_splits for one in each]).mean()
        lines.append(
            f"`{name}`: mean of the scores of seeds {', '.join(map(str, seeds))} on {len(splits)} folds: accuracy "
            f"{together.accuracy:.4f}, lwlrap {together.lwlrap:.4f}; one of them "
            f"{alone.accuracy:.4f}, {alone.lwlrap:.4f}."
        )
    return lines


def newest_settings(rows: Sequence[dict[str, Any]], recipe: str) -> list[dict[str, Any]]:
    """The results of the newest settings of a recipe, with the last result of each seed and split."""
    of_recipe = [row for row in rows if row["recipe"] == recipe]
    newest = [row for row in of_recipe if row["settings"] == of_recipe[-1]["settings"]]
    return list({(row["seed"], row["fold"], row.get("held_out")): row for row in newest}.values())


def pairs_table(records: Records, rows_of_recipes: dict[str, list[dict[str, Any]]]) -> str:
    """How much each recipe is above the first one on the same clips, in Markdown; lower is better for ``bce``.

    Only the seeds and folds that both have count. The intervals are over sources; those of several seeds are of the
    mean over seeds.
    """
    names = list(rows_of_recipes)
    lines = [
        f"| compared with `{names[0]}` | measure | folds × seeds | sources | `{names[0]}` | the recipe | difference "
        "| 95 % interval | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    first = records.scores_of(rows_of_recipes[names[0]])
    for name in names[1:]:
        other = records.scores_of(rows_of_recipes[name])
        both = [key for key in first if key in other]
        if not both:
            lines.append(f"| `{name}` | no seed and fold in common with `{names[0]}` ||||||||")
            continue
        found = paired_differences([first[key] for key in both], [other[key] for key in both])
        count = f"{len({split for _, split in both})} × {len({seed for seed, _ in both})}"
        lines += [f"| `{name}` | {each} | {count} | {cells}" for each, cells in _cells(found)]
    return "\n".join(lines)


def _cells(found: dict[str, Difference]) -> Iterator[tuple[str, str]]:
    for measure in MEASURES:
        gain = found[measure]
        conclusion: str = gain.conclusion
        if measure == "bce":  # a loss
            conclusion = {"better": "worse", "worse": "better"}.get(conclusion, conclusion)
        yield (
            measure,
            f"{gain.units} | {gain.first:.4f} | {gain.second:.4f} | {gain.difference:+.4f} | "
            f"{gain.low:+.4f} to {gain.high:+.4f} | {conclusion} |",
        )
