"""Published forms without a plain table, and folders of all kinds, give the right labels, splits, folds and groups."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from audiotag.data.layouts import open_dataset
from audiotag.errors import AudiotagError

from .examples_folders import EXAMPLES, Clip, Example


@pytest.mark.parametrize("example", [pytest.param(example, id=name) for name, example in EXAMPLES.items()])
def test_example_is_recognised_and_every_clip_of_it_is_right(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "workspace"))
    dataset = open_dataset(example.build(tmp_path / "sounds"))
    clips = dataset.clips.astype(object).where(dataset.clips.notna(), None)
    found = {row.clip: Clip("|".join(row.labels), row.split, row.fold, row.group) for row in clips.itertuples()}
    assert found == example.clips
    assert dataset.layout_key == example.layout
    assert dict(zip(clips["clip"], clips["subset"], strict=True)) == {
        name: clip.subset for name, clip in example.clips.items()
    }
    assert dataset.labels == tuple(
        sorted({label for clip in example.clips.values() for label in clip.labels.split("|") if label})
    )
    validation = {clip.fold for clip in example.clips.values() if clip.split == "validation" and clip.fold}
    assert dataset.own_folds == (example.own_folds or tuple(validation))
    reasons = [problem.reason for problem in dataset.problems]
    assert len(reasons) == len(example.problems), reasons
    assert all(any(part in reason for reason in reasons) for part in example.problems), reasons
    notes = [note for reading in dataset.readings for note in reading.ignored]
    assert all(any(part in note for note in notes) for part in example.notes), notes
    assert all(path.is_file() for path in dataset.clips["path"])


PUBLISHED = [example for example in EXAMPLES.values() if not example.layout.startswith(("folder", "one"))]


@pytest.mark.parametrize("example", PUBLISHED, ids=lambda example: example.layout)
def test_example_is_found_in_the_folder_around_it_and_beside_system_files(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIOTAG_HOME", str(tmp_path / "workspace"))
    before = open_dataset(example.build(tmp_path / "download/release 1"))
    for name in ("__MACOSX/._a.wav", ".ipynb_checkpoints/a.wav", "release 1/._train.csv", "release 1/.DS_Store"):
        (tmp_path / "download" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "download" / name).touch()
    after = open_dataset(tmp_path / "download")
    assert (after.layout_key, after.fingerprint) == (example.layout, before.fingerprint)


@pytest.mark.parametrize(
    "name",
    ["annotations.csv", "metadata.csv", "metadata.jsonl", "metadata.parquet", "a.csv", "a.json", "a.txt", "a.tsv"],
)
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\n\n\n", b"\xff\xfe\x00\x01" * 500, bytes(range(256)) * 20, b"PAR1" + bytes(500), b"[" * 100_000),
        *(b'[{"annotations": 3, "was_cancelled": 1}]', b"# YTID, x\n\0", b"file_name,label\r\rx\n", b'"unclosed'),
    ],
)
def test_a_file_of_another_kind_beside_class_folders_does_no_harm(
    folder: Callable[..., Path], name: str, content: bytes
) -> None:
    root = folder({}, "dog/1.wav", "cat/1.wav")
    (root / name).write_bytes(content)
    with suppress(AudiotagError):  # where it claims to be an export
        assert open_dataset(root).labels == ("cat", "dog")
    assert open_dataset(root, layout="folder-per-class").labels == ("cat", "dog")
    assert open_dataset(root / "dog/1.wav").layout_key == "one-sound"
