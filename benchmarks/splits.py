"""Measure how much folds that leak flatter: ``python benchmarks/splits.py KITCHEN20 [--same FOLDS] [--runs A B]``.

The same small recipe (``benchmarks/splits.toml``) is trained with the folds that a dataset publishes and with folds
that keep its recordings together; the clips, the labels, the network, the seed and, as closely as folds allow, the
number of training clips are the same. ``--runs`` names two finished runs instead. Then the clips whose recording is
also among the training clips of their published fold are compared with the others, and the same is done with a
logistic regression on the embeddings of the starter ensemble, which takes a minute. For that one also the published
folds are used without the training clips that leak, beside the same folds without as many others: the clips that are
scored, and the number of training clips, are then exactly the same. ``--same 3,4`` trains networks for these published
folds in the same way, two per fold; what is trained already is not trained again. Intervals are of 95 %, by resampled
recordings.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from audiotag.cli.arguments import whole_numbers
from audiotag.data.contents import connect_rows
from audiotag.data.dataset import Dataset
from audiotag.data.layouts import open_dataset
from audiotag.metrics import multi_hot
from audiotag.similarity.embedding_job import EmbeddingJob, embed_clips
from audiotag.tagging.card_reading import read_card
from audiotag.training.held_out import read_held_out
from audiotag.training.paired_bootstrap import Difference, sums_of
from audiotag.training.recipe_files import load_recipe
from audiotag.training.run_blocking import train_and_wait
from audiotag.training.run_options import RunOptions
from audiotag.training.runs import FoldSource, Run, RunSettings, find_run, list_runs
from audiotag.training.session import Session
from audiotag.workspace import SHIPPED_MODELS, Workspace

RECIPE = Path(__file__).parent / "splits.toml"
SOURCES: tuple[FoldSource, FoldSource] = ("dataset", "recipe")
STRENGTH = 0.01  # inverse regularisation; not tuned


def main() -> None:
    """Train or read the runs, and print the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--runs", nargs=2, metavar="RUN", help="finished runs with published and with drawn folds")
    parser.add_argument("--same", type=whole_numbers, default=(), metavar="FOLD[,FOLD]", help="published folds")
    parser.add_argument("--no-network", action="store_true", help="only the logistic regression")
    options = parser.parse_args()
    workspace = Workspace()
    dataset = open_dataset(options.dataset)
    folds = [folds_of(dataset, source, workspace) for source in SOURCES]
    is_leaking = leaking(dataset, folds[0])
    print(f"{dataset.name}: {len(dataset.clips)} clips, {is_leaking.sum()} of them leak in the published folds")
    for title, of_source in zip(("published", "drawn"), folds, strict=True):
        sizes = np.bincount(of_source)[np.unique(of_source)]
        training = np.average(sizes.sum() - sizes, weights=sizes)
        print(f"  {title}: {len(sizes)} folds, on average {training:.0f} training clips per held-out clip")
    if not options.no_network:
        runs = [find_run(workspace, name) for name in options.runs or ()]
        runs = runs or [train(options.dataset, source, workspace) for source in SOURCES]
        print("network")
        report(dataset, [scores_of(run, dataset) for run in runs], folds, is_leaking)
    if options.same:
        print(f"network, published folds {options.same} without leaking training clips, against without as many others")
        compare_same_clips(dataset, folds[0], options.same, is_leaking, workspace)
    print("logistic regression on the starter ensemble's embeddings")
    vectors = vectors_of(dataset, workspace)
    report(dataset, [regress(dataset, vectors, of_source) for of_source in folds], folds, is_leaking)
    print("the same, published folds without leaking training clips, against without as many others")
    leaks, others = to_leave_out(dataset, folds[0])
    scores = [regress(dataset, vectors, folds[0], rows) for rows in (others, leaks)]
    report(dataset, scores, [folds[0]] * 2, is_leaking)


def train(dataset: Path, source: FoldSource, workspace: Workspace) -> Run:
    """Train the recipe with the folds of one source."""
    return train_and_wait(RunOptions(str(dataset.resolve()), str(RECIPE), folds_from=source), workspace)


def folds_of(dataset: Dataset, source: FoldSource, workspace: Workspace) -> np.ndarray:
    """The fold that holds each clip out."""
    settings = RunSettings(str(dataset.root), load_recipe(str(RECIPE)), folds_from=source)
    folds = Session(dataset, settings, workspace).scored_with("curated")
    return folds.reindex(dataset.clips["path"]).to_numpy(dtype=int)


def leaking(dataset: Dataset, folds: np.ndarray) -> np.ndarray:
    """Whether a clip of the same recording is in another fold, so that the clip's own fold trains on it."""
    return (pd.Series(folds).groupby(dataset.clips["group"].to_numpy()).transform("nunique") > 1).to_numpy()


def scores_of(run: Run, dataset: Dataset) -> np.ndarray:
    """Out-of-fold scores of a run, in the order of the dataset's clips."""
    held_out = read_held_out(run)
    rows = pd.Series(range(len(held_out.clips)), index=held_out.clips["clip"])
    return held_out.scores[rows[dataset.clips["clip"]].to_numpy()]


def vectors_of(dataset: Dataset, workspace: Workspace) -> np.ndarray:
    """The starter ensemble's embedding of each clip."""
    folder = SHIPPED_MODELS / "starter"
    job = EmbeddingJob.of(dataset, folder, read_card(folder), workspace)
    job.folder.mkdir(parents=True, exist_ok=True)
    embed_clips(job, workspace)
    found = job.read(dataset, workspace)
    assert found.missing == 0, found.problems
    return found.vectors.astype(np.float32)


def regress(dataset: Dataset, vectors: np.ndarray, folds: np.ndarray, left_out: np.ndarray | None = None) -> np.ndarray:
    """Out-of-fold scores of a logistic regression; ``left_out[fold, clip]`` are not trained on by a fold."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = multi_hot(list(dataset.clips["labels"]), dataset.labels).argmax(axis=1)
    scores = np.zeros((len(labels), len(dataset.labels)), np.float32)
    for number, fold in enumerate(np.unique(folds)):
        is_training = folds != fold
        if left_out is not None:
            is_training &= ~left_out[number]
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=500))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged to the last digit
            model.fit(vectors[is_training], labels[is_training])
        scores[np.ix_(folds == fold, model.classes_)] = model.predict_proba(vectors[folds == fold])
    return scores


def to_leave_out(dataset: Dataset, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training clips of a recording that is held out, and as many others, drawn by label: ``(folds, clips)`` each."""
    groups, labels = dataset.clips["group"].to_numpy(), dataset.clips["labels"].str[0].to_numpy()
    rng = np.random.default_rng(0)
    leaks, others = [], []
    for fold in np.unique(folds):
        is_leak = (folds != fold) & np.isin(groups, groups[folds == fold])
        is_other = np.zeros(len(folds), dtype=bool)
        for label, count in pd.Series(labels[is_leak]).value_counts().items():
            candidates = np.flatnonzero((folds != fold) & ~is_leak & (labels == label))
            is_other[rng.choice(candidates, min(count, len(candidates)), replace=False)] = True
        leaks.append(is_leak)
        others.append(is_other)
    print(
        f"  left out of training, all folds: {np.sum(leaks)} that leak, or {np.sum(others)} others of the same labels"
    )
    return np.array(leaks), np.array(others)


def compare_same_clips(
    dataset: Dataset, folds: np.ndarray, wanted: Sequence[int], is_leaking: np.ndarray, workspace: Workspace
) -> None:
    """Train two networks per fold, without leaking clips and without as many others, and compare them."""
    numbers = np.unique(folds).tolist()
    scores = [np.zeros((len(folds), len(dataset.labels)), np.float32) for _ in range(2)]
    left_out = to_leave_out(dataset, folds)
    for fold in wanted:
        for kind, title in enumerate(("leaks", "others")):
            is_used = ~left_out[kind][numbers.index(fold)]
            run = train_split(dataset, folds == fold, is_used, f"fold-{fold}-without-{title}", workspace)
            held_out = read_held_out(run)
            rows = pd.Series(np.arange(len(folds)), index=[path.name for path in dataset.clips["path"]])
            names = [Path(clip).name for clip in held_out.clips["clip"]]
            scores[kind][np.ix_(rows[names], np.searchsorted(dataset.labels, held_out.labels))] = held_out.scores
    is_scored = np.isin(folds, wanted)
    part = replace(dataset, clips=dataset.clips[is_scored].reset_index(drop=True))
    report(part, [each[is_scored] for each in scores[::-1]], [folds[is_scored]] * 2, is_leaking[is_scored])


def train_split(dataset: Dataset, is_held_out: np.ndarray, is_used: np.ndarray, name: str, workspace: Workspace) -> Run:
    """Train one network on the used clips that are not held out, which a table with a split describes."""
    clips = dataset.clips
    table = pd.DataFrame({
        "fname": [f"audio/{path.name}" for path in clips["path"]],
        "label": clips["labels"].str[0],
        "split": np.where(is_held_out, "validation", "train"),
        "source_id": clips["group"],
    })[is_used]  # fmt: skip
    folder = workspace.root / "same" / name
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "audio").exists():
        (folder / "audio").symlink_to(clips["path"].iloc[0].parent)
    (folder / "clips.csv").write_text(table.to_csv(index=False))
    for run in list_runs(workspace):
        if Path(run.settings().dataset) == folder and run.state() == "finished":
            return run
    return train_and_wait(RunOptions(str(folder), str(RECIPE)), workspace)


def report(dataset: Dataset, scores: Sequence[np.ndarray], folds: Sequence[np.ndarray], is_leaking: np.ndarray) -> None:
    """Print lwlrap and accuracy of the leaking scores, the first, and of the others, and their difference."""
    targets = multi_hot(list(dataset.clips["labels"]), dataset.labels)
    units = connect_rows(dataset.clips["group"])
    leaky, clean = scores
    for title, rows in (("all clips", np.ones(len(units), bool)), ("leak", is_leaking), ("do not", ~is_leaking)):
        numbers = np.unique(units[rows], return_inverse=True)[1]
        found = sums_of(targets[rows], clean[rows], leaky[rows], None, numbers).differences()
        for measure, difference in zip(("lwlrap", "accuracy"), found[:2], strict=True):
            print(f"  {title:9} {measure:8} {line_of(difference)}")
    for of_source, each in zip(folds, scores, strict=True):
        found = sums_of(targets, each, each, of_source, units).differences()
        per_fold = [f"{difference.first:.3f}" for difference in found[2 : 2 + len(np.unique(of_source))]]
        print(f"  lwlrap per fold: {' '.join(per_fold)}")


def line_of(found: Difference) -> str:
    """Both figures and their difference."""
    return (
        f"{found.second:.3f} with leaks, {found.first:.3f} without: {found.difference:+.3f} "
        f"({found.low:+.3f} to {found.high:+.3f}), {found.clips} clips of {found.units} recordings"
    )


if __name__ == "__main__":
    main()
