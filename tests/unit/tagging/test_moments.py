"""At high overlap, events in a timeline begin and end when they do; at low overlap nothing changes."""

from dataclasses import replace

import numpy as np
import pytest

from audiotag.tagging.evidence import Evidence
from audiotag.tagging.fold_fusion import clip_tags
from audiotag.tagging.moments import with_moments
from audiotag.tagging.result import Tags
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.tagger import Tagger

from .conftest import RATE, noise, sound

WINDOW_S = 5.0
NEEDED_S = 0.5  # of an event, before a window scores high


def tags_of(events_s: list[tuple[float, float]], overlap: float, duration_s: float = 40.0) -> Tags:
    """Tags of windows that score 0.9 if they hold at least ``NEEDED_S`` of an event, else 0.1."""
    hop_s = WINDOW_S * (1 - overlap)
    starts_s = np.arange(0, duration_s - WINDOW_S + 1e-9, hop_s)
    held = [
        max(min(start + WINDOW_S, end) - max(start, begin) for begin, end in events_s) >= NEEDED_S - 1e-9
        for start in starts_s
    ]
    scores = np.where(held, 0.9, 0.1)[None, :, None]
    audible = np.ones(len(starts_s), dtype=bool)
    evidence = Evidence("made", duration_s, starts_s, WINDOW_S, audible, scores, None, ())
    return clip_tags(evidence, ("Bark",), (0.5,), "mean", overlap=overlap)


def found_events(tags: Tags) -> list[tuple[float, float]]:
    """Start and end of each unbroken sequence of rows above one half."""
    high = np.concatenate([[False], tags.timeline[:, 0] >= 0.5, [False]])
    begins, ends = np.flatnonzero(high[1:] & ~high[:-1]), np.flatnonzero(high[:-1] & ~high[1:]) - 1
    return [
        (tags.starts_s[a], min(tags.starts_s[b] + tags.window_s, tags.duration_s))
        for a, b in zip(begins, ends, strict=True)
    ]


@pytest.mark.parametrize("overlap", [0.9, 0.95])
@pytest.mark.parametrize("event", [(10.0, 11.2), (12.3, 20.1), (0.0, 3.0), (37.0, 40.0), (0.0, 40.0)])
def test_an_event_begins_and_ends_within_half_a_second(overlap: float, event: tuple[float, float]) -> None:
    assert found_events(with_moments(tags_of([event], overlap))) == [pytest.approx(event, abs=0.5)]


def test_events_more_than_a_window_apart_do_not_reach_into_each_other() -> None:
    events = [(10.0, 12.0), (17.5, 21.0)]
    windows = found_events(tags_of(events, 0.95))
    assert windows[0][1] > windows[1][0]
    assert found_events(with_moments(tags_of(events, 0.95))) == [pytest.approx(event, abs=0.5) for event in events]


def test_a_sound_that_goes_on_keeps_its_score_where_that_varies() -> None:
    tags = tags_of([(0.0, 40.0)], 0.95)
    uneven = replace(tags, timeline=tags.timeline - 0.3 * (np.arange(len(tags.timeline)) % 20 < 10)[:, None])
    assert found_events(with_moments(uneven)) == [(0.0, 40.0)]


def slow_tags(event: tuple[float, float], needed_s: tuple[float, float]) -> Tags:
    """Tags of nine labels: the event's own needs much of it before it scores high, the others rise a little at once.

    ``needed_s`` is what its own label needs at the start of the event, and at its end.
    """
    starts_s = np.arange(0, 40.0 - WINDOW_S + 1e-9, 0.25)
    ends_s = starts_s + WINDOW_S
    is_high = (ends_s >= event[0] + needed_s[0]) & (starts_s <= event[1] - needed_s[1])
    hears = (ends_s > event[0] + 1e-9) & (starts_s < event[1] - 1e-9)
    others = np.where(hears, 0.3, 0.05)
    scores = np.stack([np.where(is_high, 0.9, 0.1), *[others] * 8], axis=1)[None]
    evidence = Evidence("made", 40.0, starts_s, WINDOW_S, np.ones(len(starts_s), dtype=bool), scores, None, ())
    labels = ("Rain", *(f"other {number}" for number in range(8)))
    return clip_tags(evidence, labels, (0.5,) * 9, "mean", overlap=0.95)


@pytest.mark.parametrize("needed_s", [(0.25, 0.25), (1.5, 1.5), (1.25, 0.5), (0.5, 1.25)])
def test_an_event_begins_and_ends_where_any_label_changes_however_much_its_own_needs(
    needed_s: tuple[float, float],
) -> None:
    event = (14.0, 18.0)
    assert found_events(with_moments(slow_tags(event, needed_s))) == [pytest.approx(event, abs=0.26)]


def test_time_reversed_gives_the_same_events_reversed() -> None:
    tags = slow_tags((14.0, 18.0), (1.5, 0.75))
    back = replace(tags, timeline=tags.timeline[::-1])
    np.testing.assert_allclose(with_moments(back).timeline[::-1], with_moments(tags).timeline)


@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.7])
def test_a_timeline_of_windows_that_overlap_less_stays_as_it_is(overlap: float) -> None:
    tags = tags_of([(10.0, 12.0)], overlap)
    assert with_moments(tags) is tags


def test_moments_cover_the_clip_and_the_score_of_the_clip_stays() -> None:
    tags = tags_of([(10.0, 12.0)], 0.95, duration_s=33.3)
    found = with_moments(replace(tags, window_familiarity=np.linspace(0.1, 1, len(tags.starts_s))))
    assert found.starts_s[0] == 0
    assert np.allclose(np.diff(found.starts_s), found.window_s)
    assert found.starts_s[-1] < 33.3 <= found.starts_s[-1] + found.window_s + 1e-9
    assert len(found.timeline) == len(found.starts_s) == len(found.window_familiarity)
    assert (found.ranking, found.scores.tolist()) == (tags.ranking, tags.scores.tolist())


def test_one_window_gives_one_row() -> None:
    tags = tags_of([(0.0, 5.0)], 0.95, duration_s=5.0)
    assert with_moments(tags) is tags


def test_the_tagger_gives_moments_at_high_overlap_and_the_score_of_its_windows(tiny_ensemble: object) -> None:
    tagger = Tagger(tiny_ensemble, TagSettings(overlap=0.95))  # type: ignore[arg-type]
    evidence = tagger.evidence_of(sound(noise(3.0)))
    windows, moments = tagger.window_tags_of(evidence), tagger.tags_of(evidence)
    assert (windows.window_s, moments.window_s) == (1.0, pytest.approx(0.05, abs=1 / RATE))
    assert len(moments.timeline) == 60
    assert np.array_equal(windows.scores, moments.scores)
    assert (moments.timeline >= windows.timeline.min(axis=0) - 1e-9).all()


@pytest.mark.parametrize("windows", ["mean", "max"])
def test_a_higher_overlap_does_not_move_the_score_of_the_clip(tiny_ensemble: object, windows: str) -> None:
    def scores(overlap: float) -> np.ndarray:
        settings = TagSettings(overlap=overlap, windows=windows)  # type: ignore[arg-type]
        tagger = Tagger(tiny_ensemble, settings)  # type: ignore[arg-type]
        return tagger.tag_sound(sound(noise(3.3))).scores

    for overlap in (0.75, 0.9, 0.95):
        assert scores(overlap) == pytest.approx(scores(0.5), abs=1e-6)
