"""One sound on the Tag page: its tags with score, threshold and agreement, beside the truth; player and timeline."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import streamlit as st

from audiotag.figures import tagging as figures
from audiotag.figures.theme import CONFIG
from audiotag.tagging.result import Tag, Tags
from audiotag.ui import cache
from audiotag.ui.player.player import TimelineRow
from audiotag.ui.tag import dropped_sounds
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.tag.results import SoundResult
from audiotag.ui.tag.tagging_options import TaggingSetup
from audiotag.ui.widgets import messages, sound_panel

SHOWN_LABELS = 6  # in the chart
SHOWN_TAGS = 8  # with all that is known of them
TIMELINE_ROWS = 5


def details(outcome: SoundResult, place: int, making: TaggingSetup, other: TaggingSetup | None) -> None:
    """Everything about one sound, under one ensemble or under two side by side."""
    sound, tags = outcome.sound, outcome.tags
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(messages.escape_markdown(sound.name), width="stretch")
        dropped_sounds.remove_button(place)
    if tags is None:
        st.error(messages.escape_markdown(outcome.error), icon=":material/error:")
        return
    for note in tags.notes:
        st.caption(f":material/info: {messages.escape_markdown(note)}")
    if other is None:
        left, right = st.columns([1, 1.25], gap="medium")
        with left:
            _tags(tags, sound.truth, making)
        with right:
            _scores(tags, making, sound)
    else:
        for column, each in zip(st.columns(2, gap="medium"), (making, other), strict=True):
            with column, messages.show_errors():
                st.markdown(f"**{messages.escape_markdown(each.folder.name)}**")
                theirs = tags if each is making else each.tags_of(sound)
                _tags(theirs, sound.truth, each)
                _scores(theirs, each, sound)
    _player(sound, tags, making)


def verdicts(tags: Tags, truth: tuple[str, ...]) -> list[tuple[str, str]]:
    """Labels that a sound has or gets, each with the word for it: right, extra or missed."""
    given = [tag.label for tag in tags.tags]
    found = [(label, "right" if label in truth else "extra") for label in given]
    return found + [(label, "missed") for label in truth if label not in given]


def timeline_rows(tags: Tags, labels: tuple[str, ...], start_s: float, length_s: float) -> tuple[TimelineRow, ...]:
    """Rows for the player of the part of a sound from ``start_s`` on: its tags first, then the likeliest others.

    A window's score stands at its middle, that of one that reaches over an end at the middle of what lies inside.
    """
    ends_s = np.minimum(tags.starts_s + tags.window_s, tags.duration_s)
    times_s = (tags.starts_s + ends_s) / 2 - start_s
    inside = (ends_s > start_s) & (tags.starts_s < start_s + length_s)
    rows = []
    for tag in figures.by_passing(tags)[:TIMELINE_ROWS]:
        values = tags.timeline[:, labels.index(tag.label)]
        rows.append(TimelineRow(f"{tag.label} {tag.score:.2f}", times_s[inside], values[inside]))
    return tuple(rows)


def _tags(tags: Tags, truth: tuple[str, ...] | None, making: TaggingSetup) -> None:
    """The tags in order, in words; beside the truth where that is known."""
    words = dict(verdicts(tags, truth)) if truth is not None else {}
    lines = [_line(tag, tags.folds, words.get(tag.label, "")) for tag in tags.tags[:SHOWN_TAGS]]
    if more := tags.tags[SHOWN_TAGS:]:
        lines.append("and " + ", ".join(f"{messages.escape_markdown(tag.label)} {tag.score:.2f}" for tag in more))
    if not lines:
        lines.append(":gray-badge[:material/help: nothing I know]")
        if truth is None:
            lines.append("No label reaches its threshold.")
    by_label = {tag.label: tag for tag in tags.ranking}
    for label in [label for label, word in words.items() if word == "missed"]:
        if label in by_label:
            lines.append(_line(by_label[label], tags.folds, "missed"))
        else:
            lines.append(
                f":red-badge[:material/remove: {messages.escape_markdown(label)}] missed: "
                f"{messages.escape_markdown(making.folder.name)} does not know it"
            )
    st.markdown("\n\n".join(lines))
    if truth is not None:
        st.caption(f"Its own labels: {messages.escape_markdown(', '.join(truth)) or 'none'}.")


def _line(tag: Tag, folds: int, word: str) -> str:
    """A label as a badge, with its figures; what is right, extra or missed is said by icon and word."""
    colour, icon = {
        "": ("green", "check"),
        "right": ("green", "check"),
        "extra": ("orange", "add"),
        "missed": ("red", "remove"),
    }[word]
    figures_of_it = f"{tag.folds_agreeing} of {folds} folds · threshold {tag.threshold:.2f}"
    verdict = f" · {word}" if word else ""
    return (
        f":{colour}-badge[:material/{icon}: {messages.escape_markdown(tag.label)} {tag.score:.2f}]{verdict}  \n"
        f":small[:gray[{figures_of_it}]]"
    )


def _scores(tags: Tags, making: TaggingSetup, sound: DroppedSound) -> None:
    st.plotly_chart(
        figures.scores(tags.ranking[:SHOWN_LABELS]),
        key=f"scores-{sound.number}-{making.folder}",
        config=CONFIG,
        alt=f"Scores of the likeliest labels of {sound.name}, with their thresholds",
    )


def _player(sound: DroppedSound, tags: Tags, making: TaggingSetup) -> None:
    """The sound, with its timeline under the picture; of a long one a part, and the timeline of the whole."""
    card = making.tagger.card
    start_s = _start_of_part(sound, tags)
    audible = cache.part(sound.source, sound.name, sound.content, card.spectrogram.sample_rate, start_s)
    rows = timeline_rows(tags, card.labels, start_s, audible.duration_s)
    noted_above = replace(audible, notes=())
    sound_panel.whole(noted_above, card.spectrogram, "tag-player", rows, start_s)
    windows = making.settings.windows or card.windows
    st.caption(
        f"Below the picture: scores of windows of {card.spectrogram.clip_s:g} s, at their middles; the sound's score "
        f"is {'the highest' if windows == 'max' else 'the mean'} of them."
    )
    if tags.duration_s > cache.LONGEST_S:
        st.plotly_chart(
            figures.timeline(tags, card.labels, (start_s, start_s + audible.duration_s)),
            key=f"timeline-{sound.number}",
            config=CONFIG,
            alt=f"Scores over time of the likeliest labels of the whole of {sound.name}, the part in the player framed",
        )


def _start_of_part(sound: DroppedSound, tags: Tags) -> float:
    """Where the part that is played starts; 0 for a sound that is played whole."""
    spare_s = tags.duration_s - cache.LONGEST_S
    if spare_s <= 0:
        return 0.0
    chosen_s = st.slider(
        "Played from (s)",
        0,
        math.ceil(spare_s),
        key=f"part-{sound.number}",
        help=f"The player takes {cache.LONGEST_S / 60:g} minutes at a time.",
    )
    return min(float(chosen_s), spare_s)
