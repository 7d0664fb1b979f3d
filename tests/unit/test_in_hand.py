"""What a process had in hand when it died is known to the next one, and nothing else is."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from audiotag import in_hand

DIES = """
import os, sys
from pathlib import Path
from audiotag import in_hand
with in_hand.noting(Path(sys.argv[1])):
    with in_hand.hold(Path("done.wav")):
        pass
    with in_hand.hold(Path("long.flac")), in_hand.hold(Path("b.wav")):
        os._exit(1)
"""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "in-hand"


def names(notes: Path) -> list[str]:
    return sorted(path.name for path in in_hand.files_in(notes))


def died(notes: Path) -> None:
    """Let a process die with two files in hand."""
    subprocess.run([sys.executable, "-c", DIES, str(notes)], cwd=notes.parent, timeout=60, check=False)


def test_notes_that_are_in_use_are_left_alone(notes: Path) -> None:
    died(notes)
    with in_hand.noting_alone(notes) as suspects, in_hand.hold(notes.parent / "mine.wav"):
        assert len(suspects) == 2
        before = notes.read_bytes()
        code = "import sys; from pathlib import Path; from audiotag import in_hand\n"
        code += "with in_hand.noting_alone(Path(sys.argv[1])) as suspects: print(suspects)"
        other = subprocess.run([sys.executable, "-c", code, str(notes)], capture_output=True, text=True, timeout=60)
        assert (other.stdout, other.stderr) == ("[]\n", "")
        assert notes.read_bytes() == before
    assert not list(notes.parent.iterdir())  # neither notes nor a lock


def test_files_in_hand_of_a_dead_process_are_suspects_until_the_work_is_done(notes: Path) -> None:
    died(notes)
    assert names(notes) == ["b.wav", "long.flac"]
    long, done = notes.parent / "long.flac", notes.parent / "done.wav"
    for _ in range(2):  # also after this process was interrupted
        with suppress(KeyboardInterrupt), in_hand.noting(notes):
            assert in_hand.is_suspect(long)
            assert not in_hand.is_suspect(done)
            with in_hand.hold(long) as is_suspect:
                assert is_suspect
            with in_hand.hold(done) as is_suspect:
                assert not is_suspect
                assert names(notes) == ["done.wav"]
            raise KeyboardInterrupt
        assert names(notes) == []
        assert not in_hand.is_suspect(long)
    with in_hand.noting(notes):
        pass
    assert not notes.exists()


def test_interrupted_work_with_nothing_in_hand_leaves_no_notes(notes: Path) -> None:
    with pytest.raises(KeyboardInterrupt), in_hand.noting(notes), in_hand.hold(Path("a.wav")):
        raise KeyboardInterrupt
    assert not notes.exists()


def test_notes_of_other_processes_are_taken_over(notes: Path, tmp_path: Path) -> None:
    died(tmp_path / "lane-1")
    with in_hand.noting(notes, [tmp_path / "lane-1", tmp_path / "lane-2"]):
        (tmp_path / "lane-1").unlink()
        assert in_hand.is_suspect(tmp_path / "b.wav")
        assert in_hand.is_suspect(tmp_path / "long.flac")


def test_suspects_can_be_kept_for_work_that_was_stopped(notes: Path) -> None:
    died(notes)
    for _ in range(2):
        with in_hand.noting(notes, keep_suspects=True):
            assert in_hand.is_suspect(notes.parent / "b.wav")
    with in_hand.noting(notes):
        assert in_hand.is_suspect(notes.parent / "b.wav")
    assert not notes.exists()


def test_slots_are_reused_and_the_file_stays_small(notes: Path) -> None:
    with in_hand.noting(notes):
        for number in range(1000):
            with in_hand.hold(Path(f"{number}.wav")):
                assert names(notes) == [f"{number}.wav"]
        assert notes.stat().st_size <= in_hand.SLOT_BYTES


def test_threads_have_slots_of_their_own(notes: Path) -> None:
    both = threading.Barrier(3, timeout=60)

    def decode(name: str) -> None:
        with in_hand.hold(Path(name)):
            both.wait()
            both.wait()

    with in_hand.noting(notes):
        threads = [threading.Thread(target=decode, args=(name,)) for name in ("a.wav", "b.wav")]
        for thread in threads:
            thread.start()
        both.wait()
        assert names(notes) == ["a.wav", "b.wav"]
        both.wait()
        for thread in threads:
            thread.join()
        assert names(notes) == []


def test_uploads_and_processes_without_notes_note_nothing(notes: Path) -> None:
    with in_hand.hold(Path("a.wav")) as is_suspect:
        assert not is_suspect
    with in_hand.noting(notes), in_hand.hold(b"RIFF") as is_suspect:
        assert not is_suspect
        assert names(notes) == []


def test_folder_that_cannot_be_written_to_does_without_notes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with in_hand.noting(tmp_path / "file" / "in-hand"), in_hand.hold(Path("a.wav")) as is_suspect:
        assert not is_suspect


def test_damaged_notes_and_long_or_odd_names_are_no_obstacle(notes: Path) -> None:
    notes.write_bytes(os.urandom(10_000))
    odd, long = Path(os.fsdecode(b"caf\xe9 \n.wav")), Path("x" * 5000)
    with in_hand.noting(notes), in_hand.hold(odd), in_hand.hold(long):
        assert odd.absolute() in in_hand.files_in(notes)
        assert long.absolute() not in in_hand.files_in(notes)


def test_sentence_names_some_files_as_text_that_can_be_written() -> None:
    odd = Path(os.fsdecode(b"caf\xe9.wav"))
    text = in_hand.suspects_sentence([odd, *(Path(f"{number}.wav") for number in range(5))])
    assert text.encode().startswith(rb"An earlier command ended while it read caf\udce9.wav, 0.wav, 1.wav, 2.wav and 2")


def test_suspect_of_this_process_is_isolated(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    in_hand.suspect(path)
    with in_hand.hold(path) as is_suspect:
        assert is_suspect
    with in_hand.hold(tmp_path / "b.wav") as is_suspect:
        assert not is_suspect
