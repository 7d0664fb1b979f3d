"""Show one sound on the Tag page: its tags with score, threshold and agreement of the folds, player and timeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from audiotag.data.label_names import LabelNames, spelling_note
from audiotag.figures import tagging as figures
from audiotag.tagging.result import Tag, Tags
from audiotag.ui import sound_cache
from audiotag.ui.player import TimelineRow
from audiotag.ui.tag import dropped_sounds, explained, jumps, threshold_panel, thresholds
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.tag.familiarity import familiarity_row, middles_in_part, other_notes, show_familiarity, show_held_back
from audiotag.ui.tag.results import SoundResult
from audiotag.ui.tag.score_chart import ScoreChart, ScoreRow, show_score_chart
from audiotag.ui.tag.score_chart.score_chart import curves
from audiotag.ui.tag.tagging_options import PageSettings, TaggingSetup
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages, sound_panel
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.label_aliases import current_aliases
from audiotag.workspace import Workspace

MAX_LABELS_IN_CHART = 8
MAX_TAGS_WITH_DETAILS = 8  # further tags are listed with their scores only
TIMELINE_ROWS = 5


def show_clip(result: SoundResult, row: int, page: PageSettings) -> None:
    """Everything about one sound, under one ensemble or under two side by side.

    Parameters
    ----------
    result : SoundResult
    row : int
        Row of the sound in the table on the page.
    page : PageSettings
    """
    sound, tags = result.sound, result.tags
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(escape(sound.name), width="stretch")
        dropped_sounds.show_download_button(sound)
        dropped_sounds.show_remove_button(row)
    if tags is None:
        st.error(escape(result.error), icon=":material/error:")
        return
    with st.container():  # a place of its own: other settings bring other notes, and the player goes on
        if recorded := sound.recording_time():
            st.caption(f":material/schedule: recorded {escape(str(recorded))}, by its {escape(recorded.origin)}")
        for note in other_notes(tags):
            st.caption(f":material/info: {escape(note)}")
    if page.other is None:
        left, right = st.columns([1, 1.6], gap="large")
        with left:
            _show_tags(tags, sound, page.setup)
        with right:
            _show_scores(tags, page.setup, page.state, sound)
            threshold_panel.show_save_buttons(page.state, page.setup.tagger.card, Workspace(), "scores")
    else:
        for column, each in zip(st.columns(2, gap="medium"), (page.setup, page.other), strict=True):
            with column, messages.show_errors():
                st.markdown(f"**{escape(each.folder.name)}**")
                own_tags = tags if each is page.setup else each.tag(sound)
                card = each.tagger.card
                state = thresholds.load_thresholds(each.folder, card, Workspace())
                _show_tags(own_tags, sound, each)
                _show_scores(own_tags, each, state, sound)
                threshold_panel.show_save_buttons(state, card, Workspace(), f"scores-{card.name}")
    with messages.show_errors():  # the file may be gone since
        why = explained.chosen_setup(sound, (page.setup, page.other))
        if why is None:
            _show_player(sound, tags, page.setup)
        else:
            explained.show_explanation(sound, tags if why is page.setup else why.tag(sound), why)


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
    times_s, inside = middles_in_part(tags, start_s, length_s)
    rows = []
    for tag in figures.passing_first(tags)[:TIMELINE_ROWS]:
        values = tags.timeline[:, labels.index(tag.label)]
        rows.append(TimelineRow(f"{tag.label} {tag.score:.2f}", times_s[inside], values[inside]))
    return tuple(rows)


def _show_tags(tags: Tags, sound: DroppedSound, setup: TaggingSetup) -> None:
    """How familiar the sound is, and the tags in the order of their scores, compared with the truth if it is known."""
    truth = sound.truth
    aliases = current_aliases(Workspace()) if truth else {}
    verdicts = dict(label_verdicts(tags, truth, aliases)) if truth is not None else {}
    with st.container(gap="small"):
        show_familiarity(tags)
        for tag in tags.tags[:MAX_TAGS_WITH_DETAILS]:
            _show_tag(tag, tags, sound, setup, verdicts.get(tag.label, ""))
        if more := tags.tags[MAX_TAGS_WITH_DETAILS:]:
            st.markdown("and " + ", ".join(f"{escape(tag.label)} {tag.score:.2f}" for tag in more))
        if not tags.tags:
            st.markdown(":gray-badge[:material/help: no tag]")
            if truth is None and not tags.held_back:
                st.markdown("No label reaches its threshold.")
        show_held_back(tags)
        by_label = {tag.label: tag for tag in tags.ranking}
        for label in [label for label, verdict in verdicts.items() if verdict == "missed"]:
            if label in by_label:
                _show_tag(by_label[label], tags, sound, setup, "missed")
            else:
                st.markdown(
                    f":red-badge[:material/remove: {escape(label)}] missed: "
                    f"{escape(setup.folder.name)} does not have this label"
                )
    if truth is not None:
        note = spelling_note(ensemble_names(tags, truth, aliases))
        st.caption(f"Labels in the dataset: {escape(', '.join(truth)) or 'none'}. {escape(note)}")


def _show_tag(tag: Tag, tags: Tags, sound: DroppedSound, setup: TaggingSetup, verdict: str) -> None:
    """A label with its figures, and a button that goes to its best moment."""
    moment_s = jumps.best_moment_s(tags, setup.tagger.card.labels.index(tag.label))
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        st.markdown(_tag_line(tag, tags, verdict), width="stretch")
        st.button(
            _time_text(moment_s),
            icon=":material/my_location:",
            key=f"jump-{sound.number}-{setup.folder.name}-{tag.label}",
            type="tertiary",
            on_click=_jump,
            args=(sound, tags, moment_s),
            help=Markdown(f"Go to the window in which {escape(tag.label)} scores highest."),
        )
        explained.show_why_button(sound, setup, tag.label)


def _jump(sound: DroppedSound, tags: Tags, time_s: float) -> None:
    """Have the player go to a time; of a long sound, the part that is played moves there if it must."""
    key = _part_key(sound)
    spare_s = tags.duration_s - sound_cache.MAX_PLAYED_S
    start_s = float(st.session_state.get(key, 0))
    if spare_s > 0 and not start_s <= time_s < start_s + sound_cache.MAX_PLAYED_S - tags.window_s:
        st.session_state[key] = max(0, min(math.floor(time_s - tags.window_s), math.ceil(spare_s)))
    jumps.jump(sound.number, time_s)


def _time_text(time_s: float) -> Markdown:
    """A time as the player writes it.

    >>> _time_text(65.25), _time_text(0)
    ('1:05.2', '0:00.0')
    """
    tenths = math.floor(10 * time_s + 1e-6)
    return Markdown(f"{tenths // 600:d}:{tenths // 10 % 60:02d}.{tenths % 10:d}")


def _tag_line(tag: Tag, tags: Tags, verdict: str) -> Markdown:
    """A label as a badge with its figures as Markdown; icon and word show the verdict."""
    colour, icon = {
        "": ("green", "check"),
        "right": ("green", "check"),
        "extra": ("orange", "add"),
        "missed": ("red", "remove"),
    }[verdict]
    is_unlike = tag.familiarity is not None and tag.familiarity < tags.familiarity_threshold
    unlike = f" · unlike the training sounds, familiarity {tag.familiarity or 0:.3f}" if is_unlike else ""
    facts = f"{escape(tags.votes_for(tag))} · threshold {tag.threshold:.2f}{unlike}"
    word = f" · {escape(verdict)}" if verdict else ""
    return Markdown(
        f":{colour}-badge[:material/{icon}: {escape(tag.label)} {tag.score:.2f}]{word}  \n:small[:gray[{facts}]]"
    )


def _show_scores(tags: Tags, setup: TaggingSetup, state: thresholds.Thresholds, sound: DroppedSound) -> None:
    """The chart of scores, whose thresholds can be moved and whose labels lead to their best moment."""
    labels, held_out = setup.tagger.card.labels, setup.tagger.out_of_fold
    shown = {tag.label for tag in figures.passing_first(tags)[:MAX_LABELS_IN_CHART]}
    held_out = held_out.as_combined(setup.settings.combine) if held_out else None
    rows = []
    for tag in tags.ranking:
        if tag.label in shown:
            votes = tags.votes_for(tag) if tags.is_fast else f"{tags.votes_for(tag)} agree"
            measured = curves(held_out, labels.index(tag.label)) if held_out else ([], [])
            rows.append(ScoreRow(tag.label, tag.score, tag.threshold, votes, *measured))

    def move(label: str, value: float) -> None:
        thresholds.set_threshold(state, labels.index(label), value)

    def go(label: str) -> None:
        _jump(sound, tags, jumps.best_moment_s(tags, labels.index(label)))

    show_score_chart(ScoreChart(sound.name, tuple(rows)), f"scores-{sound.number}-{setup.folder.name}", move, go)


def _show_player(sound: DroppedSound, tags: Tags, setup: TaggingSetup) -> None:
    """The player with the timeline; for a long sound, a part of it and the timeline of the whole sound."""
    card = setup.tagger.card
    start_s = _pick_part_start(sound, tags)
    audible = sound_cache.load_part(sound.source, sound.name, sound.content, card.spectrogram.sample_rate, start_s)
    rows = timeline_rows(tags, card.labels, start_s, audible.duration_s)
    familiarity = familiarity_row(tags, start_s, audible.duration_s)
    rows += (familiarity,) if familiarity else ()
    without_notes = replace(audible, notes=())  # the page shows them above
    jump = jumps.take_jump(sound.number, start_s)
    sound_panel.show_sound(without_notes, card.spectrogram, "tag-player", sound.source, rows, start_s, jump)
    windows = setup.settings.windows or card.windows
    clip_s = card.spectrogram.clip_s
    moments = f", from which those of moments of {tags.window_s:.3g} s follow" if tags.window_s < clip_s else ""
    st.caption(
        f"Below the spectrogram: scores of windows of {clip_s:g} s{moments}. The sound's score is the "
        f"{'highest' if windows == 'max' else 'mean'} of the windows."
        + (" Where the familiarity is low, the sound is unlike the training sounds." if familiarity else "")
    )
    if tags.duration_s > sound_cache.MAX_PLAYED_S:
        key = f"timeline-{sound.number}"
        show_chart(
            figures.timeline(tags, card.labels, (start_s, start_s + audible.duration_s)),
            key=key,
            alt=f"Scores over time of the likeliest labels of {sound.name}, with a frame around the part in the player",
            on_select=lambda: _jump_to_point(sound, tags, key),
            selection_mode="points",
        )
        st.caption("Click on the timeline to go there.")


def _jump_to_point(sound: DroppedSound, tags: Tags, key: str) -> None:
    """Go to the start of the window that was clicked on in the timeline of a long sound."""
    if points := st.session_state[key]["selection"]["points"]:
        _jump(sound, tags, max(0.0, float(points[0]["x"]) - tags.window_s / 2))


def _pick_part_start(sound: DroppedSound, tags: Tags) -> float:
    """Start of the part in the player, in seconds; 0, without a widget, for a sound that fits whole."""
    spare_s = tags.duration_s - sound_cache.MAX_PLAYED_S
    if spare_s <= 0:
        return 0.0
    chosen_s = st.slider(
        "Played from (s)",
        0,
        math.ceil(spare_s),
        key=_part_key(sound),
        help=f"The player shows {sound_cache.MAX_PLAYED_S / 60:g} minutes at a time.",
    )
    return min(float(chosen_s), spare_s)


def _part_key(sound: DroppedSound) -> str:
    return f"part-{sound.number}"
