"""How good an ensemble is on clips that its folds were not trained on: figures of labels, reliability, confusion."""

from __future__ import annotations

import pandas as pd

from audiotag.figures.ensemble_report import svg
from audiotag.figures.ensemble_report.blocks import (
    Block,
    Chart,
    Commands,
    Missing,
    Paragraph,
    Section,
    formatted,
    table_of,
    with_interval,
)
from audiotag.tagging.model_card import EnsembleFacts, folds_table, members_table, parts_table
from audiotag.trust.findings import CALIBRATED, EVERY_SCORE, HIGHEST_SCORE, percent

MAX_LABELS_IN_CHART = 60
MAX_PAIRS = 20
BOOTSTRAP = "The 95 % interval is a bootstrap over clips; where clips share a recording it is too narrow."
OUT_OF_FOLD = (
    "Out of fold: each clip is scored by the fold that was trained without it. All folds together, as in tagging, rank "
    "labels better, but their scores are lower, so they give fewer tags."
)


def quality(facts: EnsembleFacts, commands: Commands) -> Section:
    """Its figures out of fold as a whole, by fold and by kind of sound."""
    card, found = facts.card, facts.findings
    blocks: list[Block] = []
    if card.has_figures:
        interval = facts.lwlrap_interval
        shown = formatted(card.lwlrap, ".3f") if interval is None else with_interval(card.lwlrap, *interval)
        blocks.append(
            Paragraph(
                f"lwlrap {shown}, accuracy {card.accuracy:.3f}. {OUT_OF_FOLD} "
                + (
                    "The 95 % interval is a bootstrap over clips; where clips share a recording it is too narrow."
                    if interval
                    else ""
                )
            )
        )
    if card.blend is not None:
        blocks.append(Paragraph(card.blend.out_of_fold))
        of_members = (("number", "Number", ",d"), ("member", "Member", ""), ("weight", "Weight", ".3f"),
                   ("lwlrap", "lwlrap", ".3f"), ("accuracy", "Accuracy", ".3f"))  # fmt: skip
        blocks.append(table_of("By member and stacker, out of fold", members_table(card), of_members))
    else:
        of_folds = (("fold", "Fold", ",d"), ("lwlrap", "lwlrap", ".3f"), ("accuracy", "Accuracy", ".3f"),
                   ("clips", "Clips", ",d"))  # fmt: skip
        blocks.append(table_of("By fold, on its held-out clips", folds_table(card), of_folds))
    if card.parts:
        of_parts = (("sounds", "Kind of sound", ""), ("lwlrap", "lwlrap", ".3f"), ("accuracy", "Accuracy", ".3f"),
                   ("clips", "Clips", ",d"))  # fmt: skip
        blocks.append(table_of("By kind of sound, out of fold", parts_table(card), of_parts))
    if card.single is not None:
        sentences = ". ".join(line[0].upper() + line[1:] for line in card.single.sentences())
        blocks.append(Paragraph(f"Single network, for fast tagging (--fast), taught by all folds. {sentences}."))
    if found is None:
        blocks.append(Missing("Precision and recall are not known, because the ensemble has no out-of-fold scores.",
                              commands["publish"]))  # fmt: skip
        return Section("Quality", tuple(blocks))
    overall = found.overall
    words = (
        f"{overall['right']:,} of {overall['tagged']:,} tags are right ({percent(overall['precision_low'])} to "
        f"{percent(overall['precision_high'])}), and {overall['right']:,} of {overall['positives']:,} labels are found "
        f"({percent(overall['recall_low'])} to {percent(overall['recall_high'])})."
    )
    if (other := found.cross_fitted_overall) is not None:
        words += (
            " The thresholds were chosen on these clips, which flatters both. With thresholds chosen on the clips of "
            f"the other folds: precision {percent(other['precision'])}, recall {percent(other['recall'])}."
        )
    return Section("Quality", (*blocks, Paragraph(words)))


def labels(facts: EnsembleFacts, commands: Commands) -> Section | None:
    """The figures of each label, with intervals."""
    if facts.labels is None:
        return None
    rows = facts.labels.sort_values("average_precision", kind="stable", na_position="last")
    shown = rows[rows["clips"] > 0].head(MAX_LABELS_IN_CHART)
    names = list(shown["label"])
    worst = ", ".join(f"{row.label} {row.average_precision:.2f}" for row in shown.head(5).itertuples())
    points = {
        name: [svg.Point(*values) for values in shown[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)]
        for name in ("average_precision", "precision", "recall")
    }
    first = f", the {MAX_LABELS_IN_CHART} lowest" if len(rows) > MAX_LABELS_IN_CHART else ""
    blocks: list[Block] = []
    if names:
        blocks = [
            Chart(
                svg.interval_chart(
                    names, {"average precision": points.pop("average_precision")}, "average precision",
                    f"Average precision of each label with its 95 % interval, the lowest first: {worst}",
                ),
                f"Average precision of each label{first}",
            ),
            Chart(
                svg.interval_chart(
                    names, points, "share",
                    "Precision and recall of each label at its threshold, with 95 % intervals, as in the table below",
                ),
                f"Precision and recall at the threshold{first}",
            ),
        ]  # fmt: skip
    cells = pd.DataFrame(
        {
            "label": rows["label"],
            "clips": rows["clips"],
            **{
                name: [
                    with_interval(value, low, high, form)
                    for value, low, high in rows[[name, f"{name}_low", f"{name}_high"]].to_numpy(float)
                ]
                for name, form in (("average_precision", ".3f"), ("precision", ".2f"), ("recall", ".2f"))
            },
            "lwlrap": rows["lwlrap"],
            "threshold": rows["threshold"],
        }
    )
    columns = (("label", "Label", ""), ("clips", "Clips", ",d"), ("average_precision", "Average precision", ""),
               ("lwlrap", "lwlrap", ".3f"), ("threshold", "Threshold", ".4f"), ("precision", "Precision", ""),
               ("recall", "Recall", ""))  # fmt: skip
    note = (
        "All figures are out of fold, with 95 % intervals in brackets (Wilson). Average precision ranks clips by the "
        "score of one label; lwlrap ranks the labels of one clip. Precision and recall are those at the threshold."
    )
    return Section(
        "Labels", (*blocks, table_of("Figures of each label, the lowest first", cells, columns), Paragraph(note, True))
    )


def reliability(facts: EnsembleFacts, commands: Commands) -> Section:
    """How often a score is right."""
    title, found = "Reliability of scores", facts.findings
    curves = found.curves(EVERY_SCORE) if found else {}
    if found is None or not curves:
        return Section(title, (Missing("How often a score is right is not known.", commands["publish"]),))
    lines = [
        svg.Line(name, curve.bins["score"].tolist(), curve.bins["share"].tolist(), curve.bins["share_low"].tolist(),
                 curve.bins["share_high"].tolist(), has_points=True)
        for name, curve in curves.items()
    ]  # fmt: skip
    errors = ", ".join(f"{curve.ece:.4f} {name}" for name, curve in curves.items())
    alternative = (
        f"How often scores are right, for scores from 0 to 1 in ten bins. Expected calibration error: {errors}"
    )
    chart = svg.line_chart(lines, "score", "share that is right", alternative, (0.0, 1.0), (0.0, 1.0), diagonal=True)
    highest = found.curves(HIGHEST_SCORE)
    rows = pd.DataFrame(
        [
            {"scores": f"{of}, {name}", "ece": one.ece, "chance": one.chance_ece, "brier": one.brier}
            for of, curves_of in ((EVERY_SCORE, curves), (HIGHEST_SCORE, highest))
            for name, one in curves_of.items()
        ]
    )
    columns = (("scores", "Scores", ""), ("ece", "Expected calibration error", ".4f"),
               ("chance", "The same by chance", ".4f"), ("brier", "Brier score", ".4f"))  # fmt: skip
    first = next(iter(curves.values()))
    bins = first.bins.assign(
        bounds=[f"{low:.1f} to {high:.1f}" for low, high in first.bins[["low", "high"]].to_numpy()]
    )
    of_bins = (("bounds", "Scores", ""), ("pairs", "Number", ",d"), ("right", "Right", ",d"), ("share", "Share", ".3f"),
               ("share_low", "From", ".3f"), ("share_high", "To", ".3f"))  # fmt: skip
    blocks: list[Block] = [Chart(chart, "A score is a probability where the points lie on the dotted line")]
    if found.tendency:
        blocks.append(Paragraph(found.tendency))
    if calibration := facts.card.calibration:
        blocks.append(
            Paragraph(
                "The option --calibrated gives scores as probabilities, by the temperature "
                f"{calibration.temperature:.4g}; tags and their order stay the same."
            )
        )
    elif CALIBRATED not in curves:
        blocks.append(Missing("The temperature is not measured.", commands["publish"]))
    blocks.append(table_of("Errors of the scores, out of fold; the calibrated ones are cross-fitted", rows, columns))
    blocks.append(table_of("Scores as given, by bin, with 95 % intervals", bins, of_bins, is_closed=True))
    return Section(title, tuple(blocks))


def confusion(facts: EnsembleFacts, commands: Commands) -> Section | None:
    """Which labels are mistaken for each other."""
    if facts.findings is None or not len(pairs := facts.findings.confused_ranks.pairs()):
        return None
    shown = pairs.head(MAX_PAIRS)
    columns = (("label", "Label", ""), ("tagged as", "Tagged as", ""), ("clips", "Clips", ".3g"), ("of", "Of", ",d"),
               ("share", "Share", ".3f"))  # fmt: skip
    return Section(
        "Confusion", (table_of("Labels that are mistaken for each other most often, out of fold", shown, columns),)
    )
