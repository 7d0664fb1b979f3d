"""What an ensemble is, what it was trained on and how, where its limits are, and under which licence it is."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from audiotag.features.setting_names import NAMES, value_text
from audiotag.figures.ensemble_report import svg
from audiotag.figures.ensemble_report.blocks import (
    Block,
    Chart,
    Code,
    Commands,
    Missing,
    Paragraph,
    Section,
    Table,
    facts_table,
    formatted,
    table_of,
)
from audiotag.tagging.learning_curves import Epoch
from audiotag.tagging.model_card import EnsembleFacts
from audiotag.training.run_differences import described_recipe
from audiotag.version import __version__
from audiotag.wording import shortened


def use(facts: EnsembleFacts, commands: Commands) -> Section:
    """What the ensemble is, what it takes and gives, and how it is used."""
    card = facts.card
    what = (
        f"A blend of {len(card.folds)} ensembles and stackers"
        if card.blend
        else f"An ensemble of {len(card.folds)} networks, one per fold ({card.network.describe()})"
    )
    settings = card.spectrogram
    size = f"; the weights take {facts.weights_bytes / 1e6:.1f} MB" if facts.weights_bytes else ""
    combined = {"mean": "the mean", "max": "the maximum"}[card.windows]
    return Section(
        "What it is",
        (
            Paragraph(
                f"{what}{size}. It gives a sound a score from 0 to 1 for each of {len(card.labels):,} labels. A sound "
                f"may have several labels, or none: a label whose score reaches its threshold is a tag."
            ),
            Paragraph(
                f"Input: sound of any length, mixed to mono at {settings.sample_rate:,} Hz. It is cut into windows of "
                f"{settings.clip_s:g} s, of which it sees log-mel spectrograms from {settings.f_min:,g} to "
                f"{settings.f_max:,g} Hz. The score of a sound is {combined} over its windows."
            ),
            Paragraph("Tag a folder of sounds:"),
            Code(commands["tag"]),
            Paragraph("In Python:"),
            Code(commands["python"]),
            Paragraph(f"Its labels: {', '.join(card.labels)}."),
        ),
    )


def limits(facts: EnsembleFacts, commands: Commands) -> Section:
    """Where its tags are doubtful, as far as its files say so."""
    card = facts.card
    known: list[Block] = [
        Paragraph("What its authors say about its use stands at the top. The limits below follow from its files."),
        Paragraph(
            f"It knows its {len(card.labels):,} labels and nothing else: every other sound gets no tag, or a wrong one."
        ),
    ]
    if card.sounds:
        low, _, high = card.sounds["bandwidth_hz"]
        quiet, _, loud = card.sounds["rms_dbfs"]
        known.append(
            Paragraph(
                f"The highest frequency of 96 % of its training sounds is {low:,.0f} to {high:,.0f} Hz, and the level "
                f"of 96 % is {formatted(quiet, 'g')} to {formatted(loud, 'g')} dBFS RMS. Tags of sounds that are far "
                "outside of these ranges are doubtful; they get a note."
            )
        )
    else:
        known.append(Missing("The levels of its training sounds are not measured.", commands["publish"]))
    if facts.familiarity_threshold is not None:
        known.append(
            Paragraph(
                "It knows what its training sounds are like: a sound whose familiarity is below "
                f"{facts.familiarity_threshold:.3f} is unlike all of them, and its tags mean little. 95 % of right "
                "tags, out of fold, have at least this familiarity. The option --hold-back-unfamiliar gives no tags to "
                "sounds below it."
            )
        )
    else:
        known.append(
            Missing("It is not measured how familiar a new sound must be for its tags to be right.",
                    commands["familiarity"])
        )  # fmt: skip
    if card.weights == "best":
        known.append(
            Paragraph(
                "Each fold has the weights of its best epoch, which was chosen on the clips that measure it: the "
                "figures below are too high for new clips."
            )
        )
    if card.parts:
        known.append(Paragraph("Its figures differ by kind of sound; see the section on quality."))
    return Section("Limits", tuple(known))


def data(facts: EnsembleFacts, commands: Commands) -> Section:
    """What it was trained on."""
    card = facts.card
    values = {"Dataset": card.dataset["name"], "Training clips": f"{card.dataset.get('clips', 0):,}"}
    hours, recordings = facts.dataset_number("hours"), facts.dataset_number("recordings")
    if hours is not None:
        values["Duration"] = f"{hours:,.2f} hours"
    if recordings is not None:
        values["Source recordings"] = f"{recordings:,.0f}"
    if fingerprint := card.dataset.get("fingerprint"):
        values["Fingerprint of clips and labels"] = str(fingerprint)
    blocks: list[Block] = [facts_table("Training data", values)]
    if hours is None:
        blocks.append(Missing("The duration of the training clips is not kept with this ensemble.", commands["scan"]))
    if card.parts:
        rows = pd.DataFrame([{"name": part.name, "clips": part.clips, "licence": part.licence} for part in card.parts])
        blocks.append(
            table_of(
                "Held-out clips by origin, and the licences of the sounds, which are not part of the ensemble",
                rows,
                (("name", "Origin", ""), ("clips", "Clips", ",d"), ("licence", "Licence", "")),
            )
        )
    if facts.labels is not None:
        blocks.append(
            table_of(
                "Held-out clips per label",
                facts.labels.sort_values("clips", ascending=False, kind="stable"),
                (("label", "Label", ""), ("clips", "Clips", ",d")),
                is_closed=True,
            )
        )
    else:
        blocks.append(Missing("The number of clips per label is not kept with this ensemble.", commands["publish"]))
    return Section("Training data", tuple(blocks))


def recipe(facts: EnsembleFacts, commands: Commands) -> Section:
    """How it was trained."""
    recipe, title = facts.card.recipe, str(facts.card.recipe.get("title", "not known"))
    whose = "the recipe of the first member, " if facts.card.blend else "the recipe "
    blocks: list[Block] = [Paragraph(f"Trained by {whose}“{title}”: {recipe.get('about', 'no description.')}")]
    stages = recipe.get("stages")
    if isinstance(stages, list) and stages and all(isinstance(stage, dict) for stage in stages):
        rows = pd.DataFrame(stages).assign(stage=range(1, len(stages) + 1))
        if "without" in rows:
            lists = [kinds if isinstance(kinds, list) else [] for kinds in rows["without"]]
            rows["without"] = [", ".join(map(str, kinds)) or None for kinds in lists]
            rows = rows.dropna(axis="columns", how="all")
        columns = [
            (name, name_shown, form)
            for name, name_shown, form in (
                ("stage", "Stage", ",d"),
                ("subset", "Clips", ""),
                ("epochs", "Epochs", ",d"),
                ("lr", "Learning rate", "g"),
                ("mixup", "Mixup", "g"),
                ("without", "Without", ""),
            )
            if name in rows
        ]
        blocks.append(table_of("Stages of the training", rows, columns))
    settings = {
        f"{name}": value_text(field, getattr(facts.card.spectrogram, field))
        for field, (name, _) in NAMES.items()
        if hasattr(facts.card.spectrogram, field)
    }
    blocks.append(Table("Spectrogram settings", ("Setting", "Value"), tuple(settings.items()), is_closed=True))
    try:
        described = described_recipe(recipe)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):  # a card of a stranger
        described = {}
    rest = {name: value for name, value in described.items() if not name.startswith("spectrogram.")}
    if rest:
        rows = tuple((name, value) for name, value in rest.items())
        blocks.append(Table("All settings of the recipe", ("Setting", "Value"), rows, is_closed=True))
    return Section("Recipe", tuple(blocks))


def curves(facts: EnsembleFacts, commands: Commands) -> Section:
    """lwlrap and losses while it was trained."""
    if not facts.curves:
        words = "The learning curves are not kept with this ensemble; publishing its run again keeps them."
        return Section("Learning curves", (Missing(words, commands["publish"]),))
    by_fold: dict[int, list[Epoch]] = defaultdict(list)
    for epoch in sorted(facts.curves, key=lambda epoch: (epoch.fold, epoch.epoch)):
        by_fold[epoch.fold].append(epoch)
    names = {fold: f"fold {fold}" if fold >= 0 else "shared network" for fold in by_fold}
    lwlrap = [svg.Line(names[f], [e.epoch for e in of], [e.lwlrap for e in of]) for f, of in by_fold.items()]
    last = {names[fold]: epochs[-1] for fold, epochs in by_fold.items()}
    best = {names[fold]: max(epochs, key=lambda epoch: epoch.lwlrap) for fold, epochs in by_fold.items()}
    blocks: list[Block] = [
        Chart(
            svg.line_chart(
                lwlrap,
                "epoch",
                "lwlrap",
                "lwlrap of each fold on its held-out clips after each epoch. At the end: "
                + ", ".join(f"{name} {epoch.lwlrap:.3f}" for name, epoch in last.items()),
            ),
            "lwlrap on held-out clips after each epoch",
        )
    ]
    losses = _mean_losses(facts.curves)
    if losses:
        ends = ", ".join(f"{line.name} {line.y[-1]:.3g}" for line in losses)
        alternative = f"Loss after each epoch, the mean over folds. At the end: {ends}"
        blocks.append(Chart(svg.line_chart(losses, "epoch", "loss", alternative), "Loss, mean over folds"))
    rows = pd.DataFrame(
        [
            {"fold": name, "epochs": epoch.epoch, "last": epoch.lwlrap, "best": best[name].lwlrap,
             "at": best[name].epoch, "train": epoch.train_loss, "valid": epoch.valid_loss}
            for name, epoch in last.items()
        ]
    )  # fmt: skip
    columns = (("fold", "Fold", ""), ("epochs", "Epochs", ",d"), ("last", "lwlrap, last epoch", ".3f"),
               ("best", "lwlrap, best epoch", ".3f"), ("at", "Best epoch", ",d"), ("train", "Training loss", ".4g"),
               ("valid", "Held-out loss", ".4g"))  # fmt: skip
    return Section("Learning curves", (*blocks, table_of("The end of the curves", rows, columns)))


def _mean_losses(epochs: tuple[Epoch, ...]) -> list[svg.Line]:
    lines = []
    for name, attribute in (("training", "train_loss"), ("held-out clips", "valid_loss")):
        values: dict[int, list[float]] = defaultdict(list)
        for epoch in epochs:
            if (loss := getattr(epoch, attribute)) is not None:
                values[epoch.epoch].append(loss)
        if values:
            steps = sorted(values)
            lines.append(svg.Line(name, steps, [float(np.mean(values[step])) for step in steps]))
    return lines


def licence(facts: EnsembleFacts, commands: Commands) -> Section:
    """Under which licence it is."""
    return Section("Licence", (Paragraph(facts.card.licence if facts.card.licence else "not stated"),))


def versions(facts: EnsembleFacts, commands: Commands) -> Section:
    """When it was published, and the checksums of its files."""
    card = facts.card
    values = {
        "Name": card.name,
        "Published": card.created,
        "Format of the card": str(card.format),
        "Weights": "of the last epoch" if card.weights == "last" else "of the best epoch",
        "Report by": f"audiotag {__version__}",
        **{f"SHA-256 of {shortened(fold.file, 80)}": fold.sha256 for fold in card.folds},
    }
    return Section("Versions", (facts_table("Date, versions and checksums", values),))
