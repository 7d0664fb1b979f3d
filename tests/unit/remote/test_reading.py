import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audiotag.audio.reading import read_crop, read_header, read_sound
from audiotag.data.contents import _checksum, _probe
from audiotag.data.remote_folders import localise
from audiotag.errors import AudiotagError, may_pass
from audiotag.remote import reading, storage
from audiotag.remote.ahead import AHEAD, FetchAhead, fetch_ahead
from audiotag.remote.cache import PLACE

from .conftest import Bucket

RATE = 16_000
Served = Callable[[str, bytes], tuple[Path, Path]]


def sound(kind: str = "WAV", subtype: str = "PCM_16", seconds: float = 20.0, seed: int = 0, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    noise = 0.1 * np.random.default_rng(seed).normal(size=(round(seconds * RATE), channels))
    soundfile.write(buffer, noise, RATE, format=kind, subtype=subtype)
    return buffer.getvalue()


@pytest.fixture
def served(bucket: Bucket, tmp_path: Path) -> Served:
    """``served(name, content)``: the same file in the bucket, by its path, and on disk."""

    def serve(name: str, content: bytes) -> tuple[Path, Path]:
        bucket.put(name, content)
        (tmp_path / name).write_bytes(content)
        return localise(f"s3://{bucket.name}/{name}"), tmp_path / name

    return serve


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sounds above 64 kB are long."""
    monkeypatch.setattr(reading, "WHOLE_BYTES", 1 << 16)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 14)


def assert_same(remote: Path, local: Path) -> None:
    assert read_header(remote) == read_header(local)
    ours, theirs = read_sound(remote), read_sound(local)
    assert ours.waveform.tobytes() == theirs.waveform.tobytes()
    assert (ours.notes, ours.truncated, ours.header) == (theirs.notes, theirs.truncated, theirs.header)
    crop = read_crop(remote, 5000, 3000)
    assert crop.tobytes() == read_crop(local, 5000, 3000).tobytes()


@pytest.mark.parametrize("is_long", [False, True])
def test_remote_sound_of_any_format_reads_like_the_file_on_disk(
    served: Served, monkeypatch: pytest.MonkeyPatch, is_long: bool, m4a: Callable[[np.ndarray, int], bytes]
) -> None:
    if is_long:
        monkeypatch.setattr(reading, "WHOLE_BYTES", 1 << 12)
    cut = sound(seconds=2, channels=2)[:-5000]
    contents = {
        "a.wav": sound(seconds=2), "f.wav": sound(subtype="FLOAT", seconds=2), "cut.wav": cut,
        "a.flac": sound("FLAC", seconds=2), "a.ogg": sound("OGG", "VORBIS", 2),
        "a.mp3": sound("MP3", "MPEG_LAYER_III", 2),
        "a.aiff": sound("AIFF", seconds=2), "a.m4a": m4a(0.1 * np.random.default_rng(1).normal(size=2 * RATE), RATE),
        "stale.wav": sound(seconds=2)[:40] + (4000).to_bytes(4, "little") + sound(seconds=2)[44:],
    }  # fmt: skip
    for name, content in contents.items():
        assert_same(*served(name, content))


def test_process_that_decodes_gets_the_blocks_of_a_long_sound(
    served: Served, monkeypatch: pytest.MonkeyPatch, fetched_bytes: list[int]
) -> None:
    monkeypatch.setattr(reading, "WHOLE_BYTES", 1 << 16)
    content = sound("FLAC", seconds=60)
    remote, local = served("a.flac", content)
    assert len(content) > reading.BLOCK_BYTES
    found = read_sound(remote, isolated=True)
    assert found.waveform.tobytes() == read_sound(local).waveform.tobytes()
    assert sum(fetched_bytes) == len(content)


def test_crop_of_a_long_sound_fetches_only_a_part_of_it_and_only_once(
    served: Served, small_blocks: None, fetched_bytes: list[int]
) -> None:
    content = sound(seconds=60)
    remote, local = served("a.wav", content)
    crop = read_crop(remote, 500_000, 8000)
    assert crop.tobytes() == read_crop(local, 500_000, 8000).tobytes()
    assert 16_000 < sum(fetched_bytes) < len(content) / 10
    before = list(fetched_bytes)
    read_crop(remote, 500_000, 8000)
    assert fetched_bytes == before
    read_sound(remote)
    assert sum(fetched_bytes) == len(content)  # no byte twice
    assert len(fetched_bytes) < len(content) / reading.BLOCK_BYTES / 3  # read from the start on: several at once


def test_short_sound_is_fetched_once_however_many_read_it(served: Served, fetched_bytes: list[int]) -> None:
    content = sound(seconds=1)
    remote, _ = served("a.wav", content)
    assert remote.stat().st_size == len(content)
    assert remote.stat().st_blocks == 0 or os.name == "nt"  # a placeholder takes no space
    for _ in range(3):
        read_sound(remote)
        read_crop(remote, 0, 100)
    assert fetched_bytes == [len(content)]
    assert _checksum(remote)
    assert _probe(remote)
    assert len(fetched_bytes) == 1


def test_sound_that_was_replaced_is_fetched_again(
    bucket: Bucket, served: Served, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first, second in (("1", "1"), ("1", "9"), ("9", "9")):  # short and long ones, of the same and of another size
        old, new = sound(seconds=float(first), seed=1), sound(seconds=float(second), seed=2)
        remote, _ = served("a.wav", old)
        read_sound(remote)
        bucket.put("a.wav", new)
        assert localise(f"s3://{bucket.name}/a.wav") == remote  # as the next command does
        monkeypatch.setattr(reading, "_asked_at", {})
        assert np.array_equal(read_sound(remote).waveform, read_sound(new).waveform)
    remote, _ = served("b.wav", sound(seconds=1, seed=1))
    bucket.put("b.wav", new := sound(seconds=1.5, seed=2))  # after its folder was listed
    assert np.array_equal(read_sound(remote).waveform, read_sound(new).waveform)
    assert remote.stat().st_size == len(new)


def test_sound_without_placeholder_is_read_by_its_path_alone(served: Served, small_blocks: None) -> None:
    for content in (sound(seconds=1), sound(seconds=9)):
        remote, local = served("a.wav", content)
        remote.unlink()  # as on another machine
        assert_same(remote, local)


def test_sound_that_vanished_is_said_with_its_address(bucket: Bucket, served: Served, small_blocks: None) -> None:
    for content in (sound(seconds=1), sound(seconds=9)):
        remote, _ = served("a.wav", content)
        bucket.delete("a.wav")
        with pytest.raises(AudiotagError, match=f"s3://{bucket.name}/a.wav does not exist"):
            read_sound(remote)


def test_connection_that_breaks_in_the_middle_of_a_long_sound_is_no_truncated_sound(
    served: Served, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, left = storage.read, [3]

    def read_some(*arguments: object) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise AudiotagError("s3://bucket/a cannot be reached; check the network, and try again.", may_pass=True)
        return read(*arguments)  # type: ignore[arg-type]

    for kind, isolated in (("FLAC", False), ("AIFF", False)):
        remote, _ = served(f"a.{kind.lower()}", sound(kind, seconds=30))
        left[0] = 3
        with monkeypatch.context() as patched:
            patched.setattr(storage, "read", read_some)
            with pytest.raises(AudiotagError, match="cannot be reached") as raised:
                read_sound(remote, isolated=isolated)
        assert may_pass(raised.value)


def test_missing_credentials_and_packages_are_said_with_what_to_do(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoCredentialsError(Exception):
        pass

    def refuse(*arguments: object) -> None:
        raise NoCredentialsError("AKIASECRET")

    with monkeypatch.context() as patched:
        patched.setattr(storage, "facts_of", lambda address: storage._ask(address, refuse))
        with pytest.raises(AudiotagError) as raised:
            reading.current_facts(localise_path(bucket))
        assert "AKIASECRET" not in str(raised.value)

    def forbid(*arguments: object) -> None:
        raise PermissionError("signature 5ec2e7")

    with pytest.raises(
        AudiotagError, match=f"s3://{bucket.name}/a.wav cannot be read: its server forbids it"
    ) as raised:
        storage._ask(storage.Address("s3", bucket.name, "a.wav"), forbid)
    assert "5ec2e7" not in str(raised.value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AudiotagError, match=r"pip install 'audiotag\[remote\]'"):
        storage._ask(storage.Address("gs", "store", "a.wav"), lambda filesystem: filesystem.info("store/a.wav"))


def localise_path(bucket: Bucket) -> Path:
    from audiotag.remote.addresses import path_of

    return path_of(f"s3://{bucket.name}/a.wav")


def test_sounds_are_fetched_before_they_are_read_and_keep_their_order(
    bucket: Bucket, tmp_path: Path, fetched_bytes: list[int], wait_until: Callable[..., None]
) -> None:
    content = sound(seconds=0.1)
    for number in range(6):
        bucket.put(f"s/{number}.wav", content)
    folder = localise(f"s3://{bucket.name}/s")
    remote = [folder / f"{number}.wav" for number in range(6)]
    mixed = [tmp_path / "local.wav", *remote, tmp_path / "last.wav"]
    taken = fetch_ahead(mixed, lambda path: path)
    assert next(taken) == mixed[0]
    assert [*taken] == mixed[1:]
    wait_until(lambda: len(fetched_bytes) == 6)
    FetchAhead(remote).reached(0)  # they are in the cache
    for path in remote:
        read_sound(path)
    assert len(fetched_bytes) == 6
    assert AHEAD > 6


def test_cache_that_cannot_be_written_is_said(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote, _ = served("a.wav", sound(seconds=1))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(PLACE, str(tmp_path / "file" / "cache"))
    with pytest.raises(AudiotagError, match=PLACE):
        read_sound(remote)
