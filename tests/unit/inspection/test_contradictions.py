"""The same sound with different labels is named, left out on request, and can be taken back."""

from pathlib import Path

import pandas as pd
import pytest

from audiotag.inspection.contradictions import clips_to_leave_out, find_contradictions

Clip = tuple[str, str, tuple[str, ...], int | None]


def found(*clips: Clip) -> dict[str, str]:
    """Sentences by clip, from subset, name, labels and content of each clip."""
    subset, clip, labels, content = map(list, zip(*clips, strict=True))
    paths = [Path("/data") / part / name for part, name in zip(subset, clip, strict=True)]
    index = pd.DataFrame({"subset": subset, "clip": clip, "labels": labels, "path": paths})
    rows = find_contradictions(Path("/data"), index, pd.Series(content, dtype="Int64"))
    assert {kind for kind, *_ in rows} <= {"contradiction"}
    return {f"{row[2]}/{row[1]}": row[3] for row in rows}


def test_both_clips_are_named_with_paths_and_labels() -> None:
    rows = found(("curated", "a.wav", ("Bark",), 1), ("curated", "b.wav", ("Hiss", "Hum"), 1))
    assert set(rows) == {"curated/a.wav", "curated/b.wav"}
    assert set(rows.values()) == {
        "The same sound has different labels: curated/a.wav (Bark), curated/b.wav (Hiss, Hum)."
    }


@pytest.mark.parametrize(
    "others",
    [
        ("curated", "b.wav", ("Bark", "Hum"), 1),  # the same labels in another order
        ("curated", "b.wav", ("Hiss",), 2),  # another sound
        ("curated", "b.wav", ("Hiss",), None),
        ("curated", "b.wav", (), 1),  # no labels
    ],
)
def test_what_agrees_is_no_contradiction(others: Clip) -> None:
    assert found(("curated", "a.wav", ("Hum", "Bark"), 1), others) == {}


def test_a_curated_label_counts_more_than_a_noisy_one_and_a_test_label_most() -> None:
    clips: tuple[Clip, ...] = (
        ("noisy", "a.wav", ("Hiss",), 1),
        ("noisy", "b.wav", ("Bark",), 1),
        ("curated", "c.wav", ("Bark",), 1),
    )
    assert set(found(*clips)) == {"noisy/a.wav"}
    assert set(found(*clips, ("test", "t.wav", ("Hiss",), 1))) == {"noisy/b.wav", "curated/c.wav"}


def test_test_clips_are_never_left_out() -> None:
    faults = pd.DataFrame(
        [
            ("contradiction", "a.wav", "curated", "It contradicts."),
            ("contradiction", "t.wav", "test", "It contradicts."),
            ("duplicate", "d.wav", "curated", "The same sound."),
        ],
        columns=["kind", "clip", "subset", "what"],
    )
    assert [(clip.subset, clip.clip) for clip in clips_to_leave_out(faults)] == [("curated", "a.wav")]
