"""Show on the Tag page why a sound has a tag: what the ensemble used, over the spectrogram, and to be heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from audiotag.audio.header import Sound
from audiotag.errors import clip_guard
from audiotag.features.log_mel import display_log_mel
from audiotag.tagging.explanation import Explanation, Part, best_part, explain_section, hear_parts
from audiotag.tagging.result import Tags
from audiotag.tagging.section import read_section, section_start
from audiotag.ui import caching, sound_cache
from audiotag.ui.player import Highlight, OtherSound, PlayerOptions
from audiotag.ui.tag import jumps
from audiotag.ui.tag.dropped_sounds import DroppedSound
from audiotag.ui.tag.tagging_options import TaggingSetup
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import sound_panel
from audiotag.wording import as_number

EXPLAINED = "tag-explained"  # in the session: number of the sound, folder of the ensemble, and label
MAX_EXPLANATIONS = 16  # kept in memory, 1 MB each for windows of 5 s
MAX_HEARD = 8  # labels whose parts are kept, 10 MB each
MAX_TRIMMED_S = 0.05  # less than the whole sound that is still called the whole
ORIGINAL, ONLY, WITHOUT = "original", "only this part", "without it"


def show_why_button(sound: DroppedSound, setup: TaggingSetup, label: str) -> None:
    """A button that explains a label of a sound."""
    st.button(
        "Why?",
        icon=":material/lightbulb_2:",
        key=f"why-{sound.number}-{setup.folder.name}-{label}",
        type="tertiary",
        on_click=_explain,
        args=(sound, setup, label),
        help=Markdown(
            f"Show and hear which part of the sound {escape(setup.tagger.card.name)} used for {escape(label)}."
        ),
    )


def chosen_setup(sound: DroppedSound, setups: Sequence[TaggingSetup | None]) -> TaggingSetup | None:
    """The one of these whose tag of a sound is to be explained; None where none is."""
    number, folder, _ = st.session_state.get(EXPLAINED, (None, "", ""))
    if number != sound.number:
        return None
    return next((setup for setup in setups if setup is not None and str(setup.folder) == folder), None)


def show_explanation(sound: DroppedSound, tags: Tags, setup: TaggingSetup) -> None:
    """Scores with a part of the sound alone and without it, and the player with the map.

    Raises
    ------
    AudiotagError
        If the sound cannot be read any more.
    """
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        label = _pick_label(sound, tags)
    asked = _Asked(sound, setup, tags.content, section_start(setup.tagger, tags, label))
    explanation, parts = _explanation(asked), _parts(asked, label)
    with row:
        part = _pick_part(parts)
        _show_close_button(sound)
    _show_scores(explanation, part, label, tags)
    _show_player(sound, explanation, part, label, setup)


def _explain(sound: DroppedSound, setup: TaggingSetup, label: str) -> None:
    st.session_state[EXPLAINED] = (sound.number, str(setup.folder), label)
    st.session_state[f"explained-{sound.number}"] = label
    jumps.jump(sound.number, 0.0)  # so that the browser scrolls to the player


def _close() -> None:
    st.session_state.pop(EXPLAINED, None)


def _pick_label(sound: DroppedSound, tags: Tags) -> str:
    """The label that is explained, of all that the ensemble has."""
    key = f"explained-{sound.number}"
    scores = {tag.label: tag.score for tag in tags.ranking}
    if st.session_state.get(key) not in scores:
        st.session_state[key] = st.session_state[EXPLAINED][2]
    return st.selectbox(
        "Why",
        list(scores),
        format_func=lambda label: f"{label} {scores[label]:.2f}",
        key=key,
        help="All labels are explained at once, so another one is shown without waiting.",
        width=260,
    )


def _pick_part(parts: tuple[Part, ...]) -> Part:
    """The part that is heard."""
    best = best_part(parts).share
    share = st.segmented_control(
        "Share of time and frequency",
        [part.share for part in parts],
        format_func=lambda share: f"{share:.0%}",
        default=best,
        key=f"explained-share-{best}",
        help="How large the part is that is heard. At first the one for which the scores differ most.",
    )
    return next(part for part in parts if part.share == (share or best))


def _show_close_button(sound: DroppedSound) -> None:
    st.button(
        "Show the whole sound",
        icon=":material/close:",
        key=f"explained-close-{sound.number}",
        on_click=_close,
        help="Closes the explanation.",
    )


def _show_scores(explanation: Explanation, part: Part, label: str, tags: Tags) -> None:
    """The label's score for the section, for the part alone and without it, and what that means."""
    before, section = explanation.score(label), explanation.section
    original, only, without = st.columns(3)
    original.metric("Original", f"{before:.2f}", help="Score of this section of the sound.")
    only.metric(
        "Only this part",
        f"{part.only_score:.2f}",
        _change(part.only_score - before),
        delta_color="off",
        delta_arrow="off",
        help="Score of the sound with only the part in the outline, tagged again.",
    )
    without.metric(
        "Without it",
        f"{part.without_score:.2f}",
        _change(part.without_score - before),
        delta_color="off",
        delta_arrow="off",
        help="Score of the sound without that part, tagged again.",
    )
    end_s = section.start_s + section.duration_s
    is_all = section.duration_s > tags.duration_s - MAX_TRIMMED_S
    where = Markdown("" if is_all else f" This is about {section.start_s:.1f} to {end_s:.1f} s.")
    st.caption(_describe_finding(before, part) + where)


def _change(difference: float) -> Markdown:
    """A difference with its sign, and a true minus."""
    return Markdown("no change" if abs(difference) < 0.005 else as_number(difference, "+.2f"))


def _describe_finding(before: float, part: Part) -> Markdown:
    """What the three scores say, in a sentence."""
    if before == 0:
        return Markdown("This section is silent, so all labels score 0.")
    keeps, loses = part.only_score >= before / 2, part.without_score < before / 2
    share = f"{part.share:.0%} of time and frequency"
    if keeps and loses:
        return Markdown(f"The label rests on this part, {share}: with it alone the score stays, without it it falls.")
    if loses:
        return Markdown(f"The label needs this part, {share}, and the rest of the sound too.")
    if keeps:
        return Markdown(f"This part, {share}, is enough for the label, but so is the rest of the sound.")
    return Markdown(f"The label does not rest on a part of this size, {share}: its evidence is spread over the sound.")


def _show_player(sound: DroppedSound, explanation: Explanation, part: Part, label: str, setup: TaggingSetup) -> None:
    section, settings = explanation.section, setup.tagger.card.spectrogram
    header = sound_cache.load_header(sound.source, sound.name, sound.content)
    heard = Sound(sound.name, section.waveform, section.sample_rate, header)
    shape = display_log_mel(section.waveform, settings).shape
    times_s = np.arange(shape[1]) * settings.hop_length / settings.sample_rate
    needed = explanation.map_of(label)
    values = needed.at(needed.frequencies_hz, times_s)
    values = np.clip(values / max(float(values.max()), 1e-9), 0, 1)
    in_part = part.mask.at(part.mask.frequencies_hz, times_s) > 0.5
    options = PlayerOptions(
        sound.name,
        identity=f"{sound.content} {section.start_s} explained",
        from_s=section.start_s,
        label=ORIGINAL,
        other_sounds=(
            OtherSound(ONLY, part.only, section.sample_rate),
            OtherSound(WITHOUT, part.without, section.sample_rate),
        ),
        jump=jumps.take_jump(sound.number, section.start_s),
        highlight=Highlight("What it used", values, in_part),
    )
    sound_panel.show_packed(sound_panel.pack_sound(heard, settings, sound.source, options), "tag-explanation")
    st.caption(
        "Bright is what the ensemble used: the score falls most when it is covered. The white line is around the "
        "part that is heard."
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is to be explained; Streamlit's cache sees `key`, and nothing else of it."""

    sound: DroppedSound
    setup: TaggingSetup
    samples: str
    start_s: float

    @property
    def key(self) -> str:
        settings = replace(self.setup.settings, tta=False, hold_back=False)
        folds = self.setup.tagger.card.fold_checksums
        return repr(
            (self.sound.name, self.sound.content, self.setup.folder, folds, settings, self.samples, self.start_s)
        )


def _explanation(asked: _Asked) -> Explanation:
    """The explanation of all labels of a section; it is computed once, with progress."""
    return _computed_explanation(asked.key, asked)


def _parts(asked: _Asked, label: str) -> tuple[Part, ...]:
    """The parts of a section that can be heard for a label."""
    return _computed_parts(asked.key, label, asked)


@caching.cached(max_entries=MAX_EXPLANATIONS, show_spinner=False)
def _computed_explanation(key: str, _asked: _Asked) -> Explanation:
    sound, setup = _asked.sound, _asked.setup
    bar = st.empty()

    def progress(done: int, total: int) -> None:
        bar.progress(done / total, f"Covering one part of the sound after the other: {done:,} of {total:,}")

    try:
        progress(0, 1)
        with clip_guard(sound.name):
            section = read_section(setup.tagger, sound.source, _asked.start_s, sound.name, _asked.samples)
        return explain_section(setup.tagger, section, setup.settings, progress=progress)
    finally:
        bar.empty()


@caching.cached(max_entries=MAX_HEARD, show_spinner="Tagging the sound with and without the part …")
def _computed_parts(key: str, label: str, _asked: _Asked) -> tuple[Part, ...]:
    return hear_parts(_asked.setup.tagger, _explanation(_asked), label, _asked.setup.settings)
