"""The history of the Tag page is on disk: for every session, within bounds, private, and mended when it is damaged."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from audiotag.state import take_sentences
from audiotag.ui import sound_cache
from audiotag.ui.tag import history
from audiotag.ui.tag.history import HistoryEntry, SoundHistory
from audiotag.workspace import Workspace


def upload(name: str, content: bytes) -> tuple[HistoryEntry, bytes]:
    return HistoryEntry.of(name, None, sound_cache.content_key(content), ("Bark",), False), content


def names() -> list[str]:
    return [entry.name for entry in SoundHistory(Workspace()).sounds()]


def stored() -> list[str]:
    return sorted(path.name for path in (Workspace().root / "tag-history" / "sounds").iterdir())


def test_another_session_finds_files_by_path_and_uploads_by_content(tmp_path: Path) -> None:
    mine = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    SoundHistory(Workspace()).add(
        [(HistoryEntry.of("cafe.wav", mine, "", None, False), b""), upload("b.wav", b"bytes")]
    )
    first, second = SoundHistory(Workspace()).sounds()
    later = SoundHistory(Workspace())
    assert (later.source(first), first.truth) == (mine, None)
    assert (later.source(second).read_bytes(), second.truth) == (b"bytes", ("Bark",))
    if os.name != "nt":
        assert stat.S_IMODE(later.source(second).parent.stat().st_mode) == 0o700
    later.add([upload("b.wav", b"bytes"), (first, b"")])  # again: they move to the end
    assert names() == ["b.wav", "cafe.wav"]


def test_removed_sounds_can_be_restored_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = SoundHistory(Workspace())
    sounds.add([upload("a.wav", b"a"), upload("b.wav", b"b")])
    ids = [entry.id for entry in sounds.sounds()]
    sounds.remove(ids)
    assert names() == []
    assert len(stored()) == 2  # another window may show them
    sounds.restore(ids)
    assert names() == ["a.wav", "b.wav"]
    sounds.remove(ids[:1])
    monkeypatch.setattr(history, "RESTORABLE_S", -1.0)
    sounds.add([upload("c.wav", b"c")])
    assert names() == ["b.wav", "c.wav"]
    assert stored() == sorted(sound_cache.content_key(content) for content in (b"b", b"c"))


def test_the_oldest_sounds_go_when_there_are_too_many_or_too_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_SOUNDS", 4)
    sounds = SoundHistory(Workspace())
    for number in range(6):
        sounds.add([upload(f"{number}.wav", bytes([number]) * 100)])
    assert names() == ["2.wav", "3.wav", "4.wav", "5.wav"]
    monkeypatch.setattr(history, "MAX_STORED_BYTES", 250)
    sounds.add([upload("6.wav", b"6" * 100)])
    assert names() == ["5.wav", "6.wav"]
    assert len(stored()) == 2
    sounds.add([upload("large.wav", b"7" * 1000)])
    assert names() == ["large.wav"]  # the newest stays, whatever its size


def test_scores_go_with_their_sound() -> None:
    sounds = SoundHistory(Workspace())
    sounds.add([upload("a.wav", b"a"), upload("b.wav", b"b")])
    first, second = sounds.sounds()
    sounds.scores.mkdir()
    for entry in (first, second):
        (sounds.scores / f"{entry.id}-0123.safetensors").touch()
    sounds.remove([first.id])
    assert [path.name.split("-")[0] for path in sounds.scores.iterdir()] == [second.id]


def test_sessions_that_add_at_once_lose_nothing() -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: SoundHistory(Workspace()).add([upload(f"{number}.wav", b"x")]), range(12)))
    assert sorted(names()) == sorted(f"{number}.wav" for number in range(12))
    assert len(stored()) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'[{"id": "a"}]',
        b'[{"id": "../x", "name": "", "path": "", "digest": "", "truth": null, "recorded": false}]',
    ],
)
def test_a_damaged_history_is_set_aside(content: bytes) -> None:
    file = Workspace().root / "tag-history" / "history.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert names() == []
    assert any("history of the Tag page begins anew" in sentence for sentence in take_sentences())
    assert (file.parent / "history.json.damaged").read_bytes() == content
    SoundHistory(Workspace()).add([upload("a.wav", b"a")])
    assert names() == ["a.wav"]
