import os
import random
from pathlib import Path

import pytest

from audiotag.errors import AudiotagError
from audiotag.remote import addresses
from audiotag.remote.addresses import (
    Address,
    address_of,
    escape_first_letter,
    escape_name,
    is_address,
    is_remote,
    mirror_path,
    mirror_root,
    path_of,
    unescape_name,
    with_addresses,
    without_access,
)

HOSTILE = (
    "..",
    ".",
    "",
    "%",
    "%41",
    "%2E",
    "a\0b",
    "a\\b",
    "a\nb",
    "100%",
    "%zz",
    "é",
    "犬",
    " ",
    "~",
    "-",
    "con",
    "%%25",
)


def test_every_name_of_a_key_is_one_file_name_from_which_it_can_be_computed() -> None:
    rng = random.Random(1)
    names = {*HOSTILE, *("".join(rng.choices("%25E.aA/\\\0 é", k=rng.randrange(1, 9))) for _ in range(2000))}
    escaped = {escape_name(name) for name in names}
    assert len(escaped) == len(names)  # no two have the same
    for name in names:
        for file in (escape_name(name), escape_first_letter(escape_name(name or "x"))):
            assert not {"/", "\0"} & set(file)
            assert file not in ("", ".", "..")
            assert unescape_name(file) in (name, "x")


def test_path_of_an_object_is_in_the_mirror_and_gives_its_address() -> None:
    for key in ("a/b.wav", "../../../etc/passwd", "a//b.wav", "/a.wav", "a/.", "a b/é.wav", "a/%2E%2E/b"):
        path = mirror_path(Address("s3", "bucket", key))
        assert Path(os.path.abspath(path)).is_relative_to(mirror_root() / "s3" / "bucket")
        assert is_remote(path)
        assert address_of(path) == Address("s3", "bucket", key)
    assert str(address_of(path_of("s3://bucket/a b.wav"))) == "s3://bucket/a b.wav"
    assert str(address_of(path_of("https://Example.org/a%20b.wav"))) == "https://example.org/a%20b.wav"
    assert address_of(Path("/elsewhere/home/audiotag-remote/gs/store/a.wav")) == Address("gs", "store", "a.wav")


def test_path_on_disk_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    for text in ("s3:/bucket", "C:/sounds", "/data/s3://b", "sounds", "file:///a.wav"):
        assert not is_address(text)
    assert not is_remote(tmp_path)
    assert not is_remote(b"RIFF")
    assert path_of(Path("s3://store/a.wav")) == path_of("s3://store/a.wav")  # which has lost a slash


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://host/a.wav", "of none of the kinds that can be opened"),
        ("file::s3://bucket/a", "of none of the kinds"),
        ("s3://../etc", "must name a bucket"),
        ("https:///a.wav/", "must name a server|cannot"),
        ("http://example.org/a.wav", "must begin with https://"),
        ("https://example.org/get?file=a.wav", "must not need a query"),
    ],
)
def test_address_that_is_not_opened_is_refused_with_the_reason(text: str, reason: str) -> None:
    if text.startswith("https:///"):
        text = "https://exa mple/a.wav"
    with pytest.raises(AudiotagError, match=reason):
        path_of(text)


def test_user_password_and_signature_are_in_no_path_and_no_message_but_in_the_request() -> None:
    path = path_of("https://ann:secret@example.org/a.wav?X-Amz-Signature=5ec2e7&X-Amz-Date=1")
    address = address_of(path)
    assert "secret" not in f"{path}{address}"
    assert "5ec2e7" not in f"{path}{address}"
    assert address.with_access() == "https://ann:secret@example.org/a.wav?X-Amz-Signature=5ec2e7&X-Amz-Date=1"
    with pytest.raises(AudiotagError) as refused:
        path_of("https://ann:secret@exa mple.org/a.wav?sig=5ec2e7")
    assert "secret" not in str(refused.value)
    assert without_access("s3://ann:secret@bucket/a") == "s3://bucket/a"


def test_text_for_people_has_the_address_in_place_of_the_path() -> None:
    text = f"{mirror_root() / 's3' / 'bucket' / 'a.wav'} is empty"
    assert with_addresses(text) == "s3://bucket/a.wav is empty"
    assert with_addresses("/data/a.wav is empty") == "/data/a.wav is empty"
    assert addresses.FOLDER not in with_addresses(text)
