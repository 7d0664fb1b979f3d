"""Every shipped layout takes its own examples and no others, wherever they are opened from."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from audiotag.data.layouts import LAYOUTS, open_dataset
from audiotag.data.layouts.published import PublishedLayout
from audiotag.errors import AudiotagError

from .conftest import EXAMPLES, Build

CASES = [(key, build) for key, builds in EXAMPLES.items() for build in builds]
IDS = [f"{key}-{number}" for key, builds in EXAMPLES.items() for number in range(len(builds))]


def test_every_layout_of_a_published_dataset_has_an_example() -> None:
    published = {key for key, layout in LAYOUTS.items() if issubclass(layout, PublishedLayout)}
    assert published <= set(EXAMPLES)


@pytest.mark.parametrize(("key", "build"), CASES, ids=IDS)
def test_example_is_taken_by_its_layout_alone(example: Callable[[Build], Path], key: str, build: Build) -> None:
    dataset = open_dataset(example(build))
    assert dataset.layout_key == key
    assert len(dataset.clips) > 0
    assert all(path.is_file() for path in dataset.clips["path"])


@pytest.mark.parametrize(("key", "build"), CASES, ids=IDS)
def test_system_files_beside_an_example_change_nothing(
    example: Callable[[Build], Path], key: str, build: Build
) -> None:
    path = example(build)
    before = open_dataset(path)
    root = path if path.is_dir() else path.parent
    for name in ("__MACOSX/._a.wav", ".ipynb_checkpoints/a.wav", ".DS_Store", "._train.csv", "Thumbs.db"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    after = open_dataset(path)
    assert (after.layout_key, after.labels, after.fingerprint) == (key, before.labels, before.fingerprint)


@pytest.mark.parametrize("key", [key for key, layout in LAYOUTS.items() if issubclass(layout, PublishedLayout)])
def test_release_is_opened_from_the_folder_around_it_alone(example: Callable[[Build], Path], key: str) -> None:
    root = example(EXAMPLES[key][0])
    outside = open_dataset(root.parent)
    assert (outside.layout_key, outside.fingerprint) == (key, open_dataset(root).fingerprint)
    (root.parent / "another").mkdir()
    assert not LAYOUTS.get(key)().recognises(root.parent)


DAMAGE = {
    "without rows": lambda content: content.split(b"\n")[0] + b"\n",
    "cut": lambda content: content[: len(content) // 2],
    "binary": lambda content: bytes(range(256)) * 8,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("key", [key for key, builds in EXAMPLES.items() if key not in ("folder-per-class", "table")])
def test_damaged_text_file_is_a_sentence_or_does_no_harm(
    example: Callable[[Build], Path], key: str, damage: Callable[[bytes], bytes]
) -> None:
    path = example(EXAMPLES[key][0])
    for file in sorted(file for file in path.rglob("*.csv") if file.stat().st_size)[:3]:
        content = file.read_bytes()
        file.write_bytes(damage(content))
        with contextlib.suppress(AudiotagError):
            open_dataset(path)
        file.write_bytes(content)
    assert open_dataset(path).layout_key == key
