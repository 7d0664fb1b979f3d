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
    typed_text,
    unescape_name,
    with_addresses,
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
    nested = "audiotag-remote/https/evil.example/x.wav"  # would be the path of another address
    for key in ("a/b.wav", "../../../etc/passwd", "a//b.wav", "/a.wav", "a/.", "a b/é.wav", "a/%2E%2E/b", nested):
        path = mirror_path(Address("s3", "bucket", key))
        assert Path(os.path.abspath(path)).is_relative_to(mirror_root() / "s3" / "bucket")
        assert is_remote(path)
        assert address_of(path) == Address("s3", "bucket", key)
    assert str(address_of(path_of("s3://bucket/a b.wav"))) == "s3://bucket/a b.wav"
    assert str(address_of(path_of("https://Example.org/a%20b.wav"))) == "https://example.org/a%20b.wav"


def test_folder_named_like_the_mirror_elsewhere_makes_nothing_remote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dogs/a.wav", "http/169.254.169.254/latest/a.wav", "https/169.254.169.254/a.wav", "s3/b/a.wav"):
        assert not is_remote(tmp_path / addresses.FOLDER / name)
        assert not is_remote(mirror_root().parent / ".." / tmp_path.name / addresses.FOLDER / name)
    for name in ("file/etc/x.wav", "memory/b/x.wav", "http/169.254.169.254/a.wav", "s3"):  # whoever made them
        with pytest.raises(AudiotagError):
            address_of(mirror_root() / name)
    monkeypatch.chdir(mirror_root().parent)
    assert is_remote(Path(addresses.FOLDER, "s3/b/a.wav"))  # as somebody types it
    path = path_of("s3://b/a.wav")
    monkeypatch.setenv("AUDIOTAG_HOME", f"{mirror_root().parent}/none/..")  # another spelling of the same workspace
    assert is_remote(path)
    assert path_of("s3://b/a.wav") == path


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
        ("https://[exa/a.wav", "must name a server"),
        ("https://example.org/get?file=a.wav", "must not need a query"),
        ("https://example.org/get?id=1&token=5ec2e7", "must not need a query"),  # what is asked for is not in its path
        ("https://example.org/get?keyword=dog", "must not need a query"),
        ("https://example.org/a.wav?versionId=3&X-Amz-Signature=5ec2e7", "must not need a query"),
        ("https://example.org/C#4.wav", "must not have a #"),
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
    assert path_of("https://example.org/b.wav?alt=media&token=5ec2e7&response-content-type=x").name == "b.wav"


@pytest.mark.parametrize(
    "text",
    [
        "https://ann:5ec/2e7@exa mple.org/a.wav?sig=5ec2e7",
        "https://ann:5ec/2e7@example.org/a.wav",
        "https://ann:123/5ec2e7@example.org/a.wav",
        "https://ann:p@5ec2e7@example.org:x/",
        "https://ann:12?5ec2e7@example.org/",
        "https://ann:12#5ec2e7@example.org/",
        "https://example.org/a.wav?5ec2e7",
        "s3://AKIA:5ec2e7@bucket/x",
        "s3://AKIA:5e/c2e7@bucket/x",
        "s3:/AKIA:5e/c2e7@bucket/x",
        "s3://bucket/a.wav?X-Amz-Algorithm=A&X-Amz-Signature=5ec2e7",
        "az://container/a.wav?sv=1&sig=5ec2e7",
        "ftp://ann:5ec2e7@host/a.wav",
    ],
)
def test_refusal_of_an_address_has_nothing_that_could_be_secret(text: str) -> None:
    with pytest.raises(AudiotagError) as refused:
        path_of(text)
    assert not any(part in str(refused.value) for part in ("5e", "2e7", "AKIA", "ann"))


def test_text_that_names_a_remote_path_leads_back_to_it() -> None:
    for key in ("C#4.wav", "what?.wav", "%41.wav", "100%.wav", "a b/é.wav", "a//b.wav"):
        for protocol in ("s3", "https"):
            path = mirror_path(Address(protocol, "example.org", key))
            assert path_of(typed_text(path)) == path
    assert typed_text("./a.wav") == "./a.wav"
    assert typed_text(mirror_root() / "s3") == str(mirror_root() / "s3")


def test_text_for_people_has_the_address_in_place_of_the_path() -> None:
    text = f"{mirror_root() / 's3' / 'bucket' / 'a.wav'} is empty"
    assert with_addresses(text) == "s3://bucket/a.wav is empty"
    assert with_addresses("/data/a.wav is empty") == "/data/a.wav is empty"
    assert addresses.FOLDER not in with_addresses(text)
