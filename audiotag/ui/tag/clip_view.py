"""Show one sound on the Tag page: its tags with score, threshold and agreement of the folds, player and timeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from audiotag.data.label_names import LabelNames, spelling_note
from audiotag.figures import tagging as figures
from audiotag.tagging.result import Tag, Tags
from audiotag.ui import cache
from audiotag.ui.player import TimelineRow
from audiotag.ui.tag import dropped_sounds
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.tag.results import SoundResult
from audiotag.ui.tag.tagging_options import TaggingSetup
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages, sound_panel
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.label_aliases import current_aliases
from audiotag.workspace import Workspace

MAX_LABELS_IN_CHART = 6
MAX_TAGS_WITH_DETAILS = 8  # further tags are listed with their scores only
TIMELINE_ROWS = 5


def show_clip(result: SoundResult, row: int, setup: TaggingSetup, other: TaggingSetup | None) -> None:
    """Everything about one sound, under one ensemble or under two side by side.

    Parameters
    ----------
    result : SoundResult
    row : int
        Row of the sound in the table on the page.
    setup : TaggingSetup
    other : TaggingSetup or None
        A second ensemble to compare with.
    """
    sound, tags = result.sound, result.tags
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape(sound.name), width="stretch")
        dropped_sounds.show_download_button(sound)
        dropped_sounds.show_remove_button(row)
    if tags is None:
        st.error(escape(result.error), icon=":material/error:")
        return
    for note in tags.notes:
        st.caption(f":material/info: {escape(note)}")
    if other is None:
        left, right = st.columns([1, 1.25], gap="medium")
        with left:
            _show_tags(tags, sound.truth, setup)
        with right:
            _show_scores(tags, setup, sound)
    else:
        for column, each in zip(st.columns(2, gap="medium"), (setup, other), strict=True):
            with column, messages.show_errors():
                st.markdown(f"**{escape(each.folder.name)}**")
                own_tags = tags if each is setup else each.tag(sound)
                _show_tags(own_tags, sound.truth, each)
                _show_scores(own_tags, each, sound)
    with messages.show_errors():  # the file may be gone since
        _show_player(sound, tags, setup)


def label_verdicts(
    tags: Tags, truth: tuple[str, ...], aliases: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Labels that a sound has or gets, each with its verdict: right, extra or missed.

    Parameters
    ----------
    tags : Tags
    truth : tuple[str, ...]
        The true labels; the ensemble may spell them differently, as `audiotag.data.label_names` says.
    aliases : Mapping[str, str], optional
        Labels that mean the same under different names.
    """
    true = list(dict.fromkeys(ensemble_names(tags, truth, aliases).values()))
    given = [tag.label for tag in tags.tags]
    verdicts = [(label, "right" if label in true else "extra") for label in given]
    return verdicts + [(label, "missed") for label in true if label not in given]


def ensemble_names(tags: Tags, truth: tuple[str, ...], aliases: Mapping[str, str] | None = None) -> dict[str, str]:
    """The ensemble's spelling of each true label; one that it does not have stays as it is."""
    names = LabelNames((tag.label for tag in tags.ranking), aliases)
    return {label: names.find(label) or label for label in truth}


def timeline_rows(tags: Tags, labels: tuple[str, ...], start_s: float, length_s: float) -> tuple[TimelineRow, ...]:
    """Rows for the player of a part of a sound: its tags first, then the likeliest other labels.

    The score of a window lies at the window's middle; of a window that reaches beyond the end of the sound, at the
    middle of the part inside.

    Parameters
    ----------
    tags : Tags
    labels : tuple[str, ...]
        All labels of the ensemble, in the order of the columns of ``tags.timeline``.
    start_s, length_s : float
        Start and length of the part that is shown.
    """
    ends_s = np.minimum(tags.starts_s + tags.window_s, tags.duration_s)
    times_s = (tags.starts_s + ends_s) / 2 - start_s
    inside = (ends_s > start_s) & (tags.starts_s < start_s + length_s)
    rows = []
    for tag in figures.passing_first(tags)[:TIMELINE_ROWS]:
        values = tags.timeline[:, labels.index(tag.label)]
        rows.append(TimelineRow(f"{tag.label} {tag.score:.2f}", times_s[inside], values[inside]))
    return tuple(rows)


def _show_tags(tags: Tags, truth: tuple[str, ...] | None, setup: TaggingSetup) -> None:
    """The tags in the order of their scores, compared with the truth where that is known."""
    aliases = current_aliases(Workspace()) if truth else {}
    verdicts = dict(label_verdicts(tags, truth, aliases)) if truth is not None else {}
    lines: list[Markdown] = [
        _tag_line(tag, tags.folds, verdicts.get(tag.label, "")) for tag in tags.tags[:MAX_TAGS_WITH_DETAILS]
    ]
    if more := tags.tags[MAX_TAGS_WITH_DETAILS:]:
        lines.append(Markdown("and " + ", ".join(f"{escape(tag.label)} {tag.score:.2f}" for tag in more)))
    if not lines:
        lines.append(Markdown(":gray-badge[:material/help: no tag]"))
        if truth is None:
            lines.append(Markdown("No label reaches its threshold."))
    by_label = {tag.label: tag for tag in tags.ranking}
    for label in [label for label, verdict in verdicts.items() if verdict == "missed"]:
        if label in by_label:
            lines.append(_tag_line(by_label[label], tags.folds, "missed"))
        else:
            missed = f":red-badge[:material/remove: {escape(label)}] missed: "
            lines.append(Markdown(f"{missed}{escape(setup.folder.name)} does not have this label"))
    st.markdown("\n\n".join(lines))
    if truth is not None:
        note = spelling_note(ensemble_names(tags, truth, aliases))
        st.caption(f"Labels in the dataset: {escape(', '.join(truth)) or 'none'}. {escape(note)}")


def _tag_line(tag: Tag, folds: int, verdict: str) -> Markdown:
    """A label as a badge with its figures as Markdown; icon and word show the verdict."""
    colour, icon = {
        "": ("green", "check"),
        "right": ("green", "check"),
        "extra": ("orange", "add"),
        "missed": ("red", "remove"),
    }[verdict]
    facts = f"{tag.folds_agreeing:d} of {folds} {'fold' if folds == 1 else 'folds'} · threshold {tag.threshold:.2f}"
    word = f" · {escape(verdict)}" if verdict else ""
    return Markdown(
        f":{colour}-badge[:material/{icon}: {escape(tag.label)} {tag.score:.2f}]{word}  \n:small[:gray[{facts}]]"
    )


def _show_scores(tags: Tags, setup: TaggingSetup, sound: DroppedSound) -> None:
    show_chart(
        figures.scores(tags.ranking[:MAX_LABELS_IN_CHART]),
        key=f"scores-{sound.number}-{setup.folder}",
        alt=f"Scores of the likeliest labels of {sound.name}, with their thresholds",
    )


def _show_player(sound: DroppedSound, tags: Tags, setup: TaggingSetup) -> None:
    """The player with the timeline; for a long sound, a part of it and the timeline of the whole sound."""
    card = setup.tagger.card
    start_s = _pick_part_start(sound, tags)
    audible = cache.load_part(sound.source, sound.name, sound.content, card.spectrogram.sample_rate, start_s)
    rows = timeline_rows(tags, card.labels, start_s, audible.duration_s)
    without_notes = replace(audible, notes=())  # the page shows them above
    sound_panel.show_sound(without_notes, card.spectrogram, "tag-player", sound.source, rows, start_s)
    windows = setup.settings.windows or card.windows
    st.caption(
        f"Below the spectrogram: scores of windows of {card.spectrogram.clip_s:g} s. The sound's score is the "
        f"{'highest' if windows == 'max' else 'mean'} of them."
    )
    if tags.duration_s > cache.MAX_PLAYED_S:
        show_chart(
            figures.timeline(tags, card.labels, (start_s, start_s + audible.duration_s)),
            key=f"timeline-{sound.number}",
            alt=f"Scores over time of the likeliest labels of {sound.name}, with a frame around the part in the player",
        )


def _pick_part_start(sound: DroppedSound, tags: Tags) -> float:
    """Start of the part in the player, in seconds; 0, without a widget, for a sound that fits whole."""
    spare_s = tags.duration_s - cache.MAX_PLAYED_S
    if spare_s <= 0:
        return 0.0
    chosen_s = st.slider(
        "Played from (s)",
        0,
        math.ceil(spare_s),
        key=f"part-{sound.number}",
        help=f"The player shows {cache.MAX_PLAYED_S / 60:g} minutes at a time.",
    )
    return min(float(chosen_s), spare_s)
