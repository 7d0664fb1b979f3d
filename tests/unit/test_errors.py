"""Whatever is raised for one clip becomes a sentence that names it by its path, without a word of Python."""

import logging
import os

import pytest

from audiotag.errors import AudiotagError, clip_guard, clip_problem

CLIP = "dogs/big/a.wav"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AudiotagError("a.wav is odd; mend it."), f"{CLIP} is odd; mend it."),
        (AudiotagError(f"{CLIP} is odd; mend it."), f"{CLIP} is odd; mend it."),
        (AudiotagError("there is no decoder; install one."), f"{CLIP}: there is no decoder; install one."),
        (FileNotFoundError(2, "No such file or directory"), f"{CLIP} does not exist; was it moved"),
        (OSError(5, "Input/output error"), f"{CLIP} cannot be read: Input/output error; check the file"),
        (MemoryError(), f"{CLIP} is too large for this machine's memory; cut it into parts."),
        (RecursionError("maximum recursion depth exceeded"), f"{CLIP} cannot be used: it is damaged"),
        (IndexError("index 3 is out of bounds"), f"{CLIP} cannot be used: it is damaged"),
        (OSError("no number and no reason"), f"{CLIP} cannot be used: it is damaged"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_sentence_names_the_clip_by_its_path_and_no_class(error: Exception, sentence: str) -> None:
    text = clip_problem(CLIP, error)
    assert text.startswith(sentence)
    assert "Error:" not in text
    assert type(error).__name__ not in text
    assert text.endswith((".", "?"))


def test_unexpected_exception_is_in_the_log_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        [][3]
    except IndexError as error:
        clip_problem(CLIP, error)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("audiotag", logging.ERROR)
    assert CLIP in record.getMessage()
    assert record.exc_info
    assert record.exc_info[0] is IndexError


def test_guard_turns_whatever_is_raised_into_the_exception_that_pages_show() -> None:
    with pytest.raises(AudiotagError, match=r"^dogs/big/a\.wav cannot be used") as raised, clip_guard(CLIP):
        raise IndexError("index 3 is out of bounds")
    assert isinstance(raised.value.__cause__, IndexError)
    with pytest.raises(AudiotagError, match=r"^a\.wav is odd\.$"), clip_guard(CLIP):
        raise AudiotagError("a.wav is odd.")
    with pytest.raises(KeyboardInterrupt), clip_guard(CLIP):
        raise KeyboardInterrupt


def test_expected_errors_are_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    clip_problem(CLIP, AudiotagError("a.wav is odd."))
    clip_problem(CLIP, OSError(5, "Input/output error"))
    assert not caplog.records


def test_name_that_is_not_utf_8_can_be_written() -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    assert clip_problem(name, ZeroDivisionError()).encode().startswith(b"caf\\udce9.wav cannot be used")
