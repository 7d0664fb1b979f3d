"""An ensemble that knows which clips its folds were trained on."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from audiotag.audio.streaming import LongSound
from audiotag.tagging import known_clips
from audiotag.tagging.known_clips import KnownClips

KnowingEnsemble = Callable[..., Path]


def content_of(path: Path) -> str:
    sound = LongSound(path, hashed=True)
    for _ in sound.blocks():
        pass
    return sound.content


@pytest.fixture
def knowing_ensemble(tiny_ensemble: Path, tmp_path: Path) -> KnowingEnsemble:
    """``knowing_ensemble([(path, (True, False)), …])``: the tiny ensemble, with the folds trained on each file."""

    def make(trained: Iterable[tuple[Path, tuple[bool, bool]]], name: str = "knowing") -> Path:
        folder = shutil.copytree(tiny_ensemble, tmp_path / name)
        known = KnownClips.of([(content_of(path), folds) for path, folds in trained], 2).to_bytes()
        (folder / known_clips.FILE).write_bytes(known)
        card = json.loads((folder / "card.json").read_text())
        card |= {"known_clips": hashlib.sha256(known).hexdigest()}
        (folder / "card.json").write_text(json.dumps(card))
        return folder

    return make
