"""Simulate labelling a folder from nothing: ``python benchmarks/labelling.py --sets kitchen20,starter,esc10``.

A simulated reviewer labels ten clips after the other, without an error. After each ten the quick head is fitted, and
the next ten are chosen:

- ours: as the Label tab offers them (`audiotag.review.labelling.order`)
- random: drawn at random
- uncertainty: ten at random, then the clips with the smallest margin between the two highest scores

Three sources of ten (recordings, or clips where these are not known) are held out: their clips are never offered, and
the head's lwlrap is measured on them. It is compared with the head that knows the labels of all other clips. Each seed
holds out other sources and draws other clips. The order was chosen on the part of kitchen20 that ``kitchen20-tuning``
is, and is measured on the rest; no recording is in both. labelling_sets.py says what the sets are.

Figures are appended to ``results/labelling.jsonl``; ``--table`` prints them.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import pandas as pd
from accuracy_results import RESULTS, is_recorded, read_results, record
from labelling_sets import SETS, LabelledVectors, load_set

from audiotag.metrics import lwlrap
from audiotag.review.labelling.figure import head_figure, represented_clips
from audiotag.review.labelling.head import Head, fit_head
from audiotag.review.labelling.material import LabellingMaterial, clusters_of, reduced
from audiotag.review.labelling.order import order_offers, uncertainty
from audiotag.review.labelling.state import REFIT_EVERY

FILE = RESULTS / "labelling.jsonl"
ORDERS = ("ours", "random", "uncertainty")
HELD_OUT = 0.3  # of the sources
MOST_VERDICTS = 400
ENOUGH = 0.9  # of the lwlrap of the head that knows all labels
SHOWN = (20, 40, 60, 100, 150, 200, 300)  # verdicts, in the table
FIGURE_AT = (40, 100, 200)  # verdicts at which the head's own figure is compared with its lwlrap on held-out clips
EDITION = 1  # rises when the same key would give other figures


def main() -> None:
    """Simulate each combination that is not recorded yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="kitchen20,starter,esc10")
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--table", action="store_true", help="print the recorded figures without simulating")
    options = parser.parse_args()
    if options.table:
        print(table(read_results(FILE)))
        return
    for name in options.sets.split(","):
        parts = [part for part in SETS if part.startswith(name)] if name == "esc10" else [name]
        for part in parts:
            clips = load_set(part)
            for seed in map(int, options.seeds.split(",")):
                for order in ORDERS:
                    simulate_and_record(part, clips, order, seed)


def simulate_and_record(name: str, clips: LabelledVectors, order: str, seed: int) -> None:
    """Simulate one reviewer, unless that is recorded already."""
    key = {"set": name, "order": order, "seed": seed, "edition": EDITION}
    if is_recorded(FILE, key):
        return
    row = key | Simulation(clips, seed).run(order)
    record(FILE, row)
    print(json.dumps({name: row[name] for name in ("set", "order", "seed", "all", "enough")}), flush=True)


class Simulation:
    """One split of the clips into those that can be offered and those that are held out.

    Parameters
    ----------
    clips : LabelledVectors
    seed : int
    """

    def __init__(self, clips: LabelledVectors, seed: int) -> None:
        sources = np.unique(clips.sources)
        self.rng = np.random.default_rng(seed)
        out = self.rng.permutation(sources)[: round(HELD_OUT * len(sources))]
        is_out = np.isin(clips.sources, out)
        features = reduced(clips.vectors)
        self.pool, self.held_out = clips.rows(np.flatnonzero(~is_out)), clips.rows(np.flatnonzero(is_out))
        self.features, self.test_features = features[~is_out], features[is_out]
        cluster, typicality = clusters_of(self.features)
        names = [f"{row:05d}" for row in range(len(self.features))]
        table = pd.DataFrame({"subset": "curated", "clip": names})
        self.material = LabellingMaterial(
            table, (), self.pool.vectors, self.features, cluster, typicality, self.pool.sources
        )

    def run(self, order: str) -> dict[str, Any]:
        """The lwlrap on held-out clips after each ten verdicts, and the head's own figure at the same points."""
        is_labelled = np.zeros(len(self.features), dtype=bool)
        everything = self._score(fit_head(self.features, self.pool.truth))
        curve, own = {}, {}
        scores = None
        while not is_labelled.all() and is_labelled.sum() < MOST_VERDICTS:
            rows = self._next(order, is_labelled, scores)
            is_labelled[rows] = True
            done = int(is_labelled.sum())
            head = fit_head(self.features[is_labelled], self.pool.truth[is_labelled])
            scores = None if head is None else head.scores(self.features)
            curve[done] = round(self._score(head), 4)
            if done in FIGURE_AT and order != "uncertainty":
                figure = head_figure(
                    self.features[is_labelled],
                    self.pool.truth[is_labelled],
                    self.pool.sources[is_labelled],
                    represented_clips(self.features, np.flatnonzero(is_labelled)),
                    self.pool.labels,
                )
                own[done] = None if figure.lwlrap is None else [figure.lwlrap, figure.low, figure.high]
        reached = [done for done, value in curve.items() if value >= ENOUGH * everything]
        return {
            "pool": len(self.features),
            "held_out": len(self.test_features),
            "all": round(everything, 4),
            "enough": min(reached, default=None),
            "curve": curve,
            "own_figure": {done: value and [each and round(each, 4) for each in value] for done, value in own.items()},
        }

    def _next(self, order: str, is_labelled: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
        open_rows = np.flatnonzero(~is_labelled)
        if order == "ours":
            nothing = np.zeros_like(is_labelled)
            offers = order_offers(self.material, is_labelled, nothing, scores, self.pool.labels)
            return np.array([offer.row for offer in offers[:REFIT_EVERY]])
        if order == "random" or scores is None:
            return self.rng.permutation(open_rows)[:REFIT_EVERY]
        return open_rows[np.argsort(-uncertainty(scores[open_rows]), kind="stable")][:REFIT_EVERY]

    def _score(self, head: Head | None) -> float:
        if head is None:
            return lwlrap(self.held_out.truth, np.zeros_like(self.held_out.truth))
        return lwlrap(self.held_out.truth, head.scores(self.test_features))


def table(rows: list[dict[str, Any]]) -> str:
    """Mean and standard deviation over seeds of each set and order, in Markdown; the parts of ESC-10 together."""
    newest = [row for row in rows if row["edition"] == EDITION]
    lines = [
        "| set | order | " + " | ".join(f"{count} verdicts" for count in SHOWN) + " | all labels | verdicts for 90 % |",
        "|---|---|" + "---|" * (len(SHOWN) + 2),
    ]
    for name in dict.fromkeys(row["set"].partition("-")[0] + _suffix(row["set"]) for row in newest):
        for order in ORDERS:
            of = [
                row
                for row in newest
                if row["set"].partition("-")[0] + _suffix(row["set"]) == name and row["order"] == order
            ]
            seeds = sorted({row["seed"] for row in of})
            cells = []
            for count in SHOWN:
                each = [[row["curve"].get(str(count)) for row in of if row["seed"] == seed] for seed in seeds]
                known = [np.mean(values) for values in each if values and None not in values]
                cells.append(_spread(known) if len(known) == len(seeds) else "")
            everything = [float(np.mean([row["all"] for row in of if row["seed"] == seed])) for seed in seeds]
            enough = [np.mean([row["enough"] or row["pool"] for row in of if row["seed"] == seed]) for seed in seeds]
            reached = f"{np.mean(enough):.0f} ± {np.std(enough, ddof=1):.0f}"
            lines.append(f"| {name} | {order} | {' | '.join(cells)} | {_spread(everything)} | {reached} |")
    return "\n".join([*lines, "", *_own_figures(newest)])


def _own_figures(rows: list[dict[str, Any]]) -> list[str]:
    """How far the head's own figure is from its lwlrap on held-out clips."""
    lines = [
        "| set | order | verdicts | own figure less held-out lwlrap | held-out lwlrap in the interval |",
        "|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["set"].partition("-")[0] + _suffix(row["set"]) for row in rows):
        for order in ("ours", "random"):
            of = [
                row
                for row in rows
                if row["set"].partition("-")[0] + _suffix(row["set"]) == name and row["order"] == order
            ]
            for count in FIGURE_AT:
                pairs = [(own, row["curve"][str(count)]) for row in of if (own := row["own_figure"].get(str(count)))]
                if pairs:
                    bias = [own[0] - value for own, value in pairs]
                    inside = sum(own[1] <= value <= own[2] for own, value in pairs)
                    lines.append(f"| {name} | {order} | {count} | {np.mean(bias):+.3f} | {inside} of {len(pairs)} |")
    return lines


def _suffix(name: str) -> str:
    return "-tuning" if name.endswith("-tuning") else ""


def _spread(values: list[Any]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


if __name__ == "__main__":
    main()
