"""What a worker that died left behind says how, and with which files in hand."""

from pathlib import Path

from audiotag.training.interruption import BEGIN, how_it_died, lane_notes, notes_path

CRASH = "Fatal Python error: Segmentation fault\n\nThread 0x1 (most recent call first):\n  <no Python frame>\n"


def noted(path: Path, *names: str) -> None:
    """Write notes as `audiotag.in_hand` does: a suspect, then files in hand."""
    slots = [b"-/x/old.wav", *(f"+/x/{name}".encode() for name in names)]
    path.write_bytes(b"".join(slot.ljust(4096, b"\0") for slot in slots))


def test_crash_is_named_with_the_file_in_hand_but_not_with_old_suspects(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(f"{BEGIN.format(pid=7)}\nepoch 1\n{CRASH}")
    noted(notes_path(tmp_path), "a.flac")
    assert how_it_died(tmp_path).startswith("Its process crashed (segmentation fault), while it read /x/a.flac. Those")


def test_crash_of_an_earlier_worker_is_not_that_of_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(f"{BEGIN.format(pid=7)}\n{CRASH}{BEGIN.format(pid=8)}\nepoch 1\n")
    assert how_it_died(tmp_path) == "Its process was ended from outside, or memory ran out."


def test_files_of_all_lanes_are_counted_and_only_some_are_named(tmp_path: Path) -> None:
    noted(notes_path(tmp_path), "a.wav", "b.wav")
    for lane in (0, 1):
        noted(notes_path(tmp_path, lane), f"{lane}-a.wav", f"{lane}-b.wav")
    assert lane_notes(tmp_path) == [notes_path(tmp_path, 0), notes_path(tmp_path, 1)]
    text = how_it_died(tmp_path)
    assert "/x/a.wav, /x/b.wav, /x/0-a.wav, /x/0-b.wav and 2 more" in text


def test_run_without_log_and_notes_has_a_sentence_too(tmp_path: Path) -> None:
    assert how_it_died(tmp_path) == "Its process was ended from outside, or memory ran out."
