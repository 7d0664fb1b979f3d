import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audiotag import open_dataset
from audiotag.data.index import scan
from audiotag.data.remote_folders import Listing, localise, problems_of
from audiotag.errors import AudiotagError
from audiotag.remote import storage
from audiotag.remote.addresses import FOLDER, address_of, mirror_root, path_of
from audiotag.remote.storage import Facts
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.sound_files import sound_files
from audiotag.tagging.tagger import Tagger
from audiotag.training.runs import RunSettings, create_run
from audiotag.workspace import Workspace

from ..conftest import CommandResult, write_short_sounds
from ..training.short_runs import RECIPE, figures, work_and_record
from .conftest import Bucket

FACTS = Facts(7, 10**18)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_short_sounds(tmp_path_factory.mktemp("sounds") / "pets")
    (folder / "train_curated" / "broken.wav").write_bytes(b"RIFF")
    with (folder / "train_curated.csv").open("a") as table:
        table.write("broken.wav,Hum\nmissing.wav,Hum\n")
    return folder


def test_dataset_in_a_store_is_the_one_on_disk(bucket: Bucket, sounds: Path, fetched_bytes: list[int]) -> None:
    address = bucket.put_folder(sounds, "data/pets")
    remote, local = open_dataset(address), open_dataset(sounds)
    assert (remote.name, remote.labels, remote.layout, remote.readings) == (
        local.name,
        local.labels,
        local.layout,
        local.readings,
    )
    assert [problem.reason for problem in remote.listed_problems] == [
        problem.reason.replace(str(sounds), address) for problem in local.listed_problems
    ]
    pd.testing.assert_frame_equal(remote.clips.drop(columns="path"), local.clips.drop(columns="path"))
    assert remote.fingerprint == local.fingerprint
    assert len(fetched_bytes) == 2  # the tables alone
    ours, theirs = (scan(dataset).drop(columns=["path", "modified_ns"]) for dataset in (remote, local))
    pd.testing.assert_frame_equal(ours, theirs)


def test_dataset_on_a_web_server_is_the_one_on_disk(web: tuple[str, Path], sounds: Path) -> None:
    address, folder = web
    os.symlink(sounds, folder / "my pets")
    remote, local = open_dataset(f"{address}/my%20pets/"), open_dataset(sounds)
    assert remote.fingerprint == local.fingerprint
    assert len(remote.listed_problems) == len(local.listed_problems)
    one = open_dataset(f"{address}/my%20pets/train_noisy/00.wav")
    assert scan(one)["duration_s"].tolist() == scan(open_dataset(sounds / "train_noisy/00.wav"))["duration_s"].tolist()
    with pytest.raises(AudiotagError, match=f"{address}/none does not exist"):
        localise(f"{address}/none")


def test_links_of_a_web_page_are_read_as_a_browser_reads_them(web: tuple[str, Path]) -> None:
    address, folder = web
    names = ["a&b.wav", "it's.wav", "full.wav", "rooted.wav", "plain.wav"]
    (folder / "set.wav").mkdir()  # a folder
    for name in names:
        (folder / "set.wav" / name).write_bytes(b"RIFF")
    host = address.partition("://")[2]
    links = ["a&amp;b.wav", "it&#39;s.wav", f"{address}/set.wav/full.wav", "/set.wav/rooted.wav", " plain.wav "]
    others = ["mailto:ann@example.org", "../", "?C=N", "#top", "https://example.org/set.wav/x.wav", "http://[/"]
    page = "".join(f'<A class=x\nHREF="{link}">{link}</A>' for link in [*links, *others])
    (folder / "set.wav" / "index.html").write_text(f"{page} see {address}/set.wav/none.wav")
    path = localise(f"http://ann:secret@{host}/set.wav")
    assert sorted(file.name for file in path.iterdir()) == sorted(names)
    assert problems_of(path) == ()


def test_table_on_a_web_server_that_lists_no_folder_is_refused_with_the_reason(
    web: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = web
    (folder / "clips.csv").write_text("fname,labels\na.wav,dog\n")
    (folder / "index.html").write_text('<a href="about.txt">about</a>')
    (folder / "about.txt").write_text("a page of its own")

    def fail(error: AudiotagError) -> Callable[..., list[str]]:
        def links(page: object) -> list[str]:
            raise error

        return links

    for links in (None, fail(storage.MissingError("no")), fail(storage.ForbiddenError("no"))):
        if links:
            monkeypatch.setattr(storage, "links_of", links)
        with pytest.raises(AudiotagError, match=f"{address}/clips.csv is there, but its server does not list"):
            localise(f"{address}/clips.csv")
    monkeypatch.setattr(storage, "links_of", fail(AudiotagError("the network is down", may_pass=True)))
    with pytest.raises(AudiotagError, match="the network is down"):
        localise(f"{address}/clips.csv")


def test_host_whose_name_ends_like_a_sound_is_listed_as_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "facts_of", lambda address: FACTS)
    monkeypatch.setattr(storage, "links_of", lambda page: [f"{page}/a.wav", "https://other.example/b.wav"])
    path = localise("https://sounds.org.au/")
    assert [file.name for file in path.iterdir()] == ["a.wav"]


def test_signature_of_a_web_folder_stays_behind_its_path() -> None:
    folder = address_of(path_of("https://example.org/sounds/?sig=5ec2e7"))
    assert folder.with_access(is_folder=True) == "https://example.org/sounds/?sig=5ec2e7"


def test_text_that_cannot_be_stored_is_a_problem_of_the_dataset(
    bucket: Bucket, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put_folder(sounds, "pets")

    def fail(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audiotag.data.remote_folders.open_atomic", fail)
    path = localise(address)
    assert {problem.clip for problem in problems_of(path)} == {"train_curated.csv", "train_noisy.csv"}


def test_folder_that_is_listed_without_problems_has_none_of_the_folder_around_it(bucket: Bucket) -> None:
    for key in ("set/a/b.wav", f"set/{'l' * 300}.wav"):
        bucket.put(key, b"RIFF")
    around = localise(f"s3://{bucket.name}/set")
    assert len(problems_of(around)) == 1
    assert problems_of(localise(f"s3://{bucket.name}/set/a")) == ()


def test_single_table_and_single_sound_in_a_store_open_like_those_on_disk(bucket: Bucket, sounds: Path) -> None:
    address = bucket.put_folder(sounds, "pets")
    table = open_dataset(f"{address}/train_noisy.csv")
    assert table.fingerprint == open_dataset(sounds / "train_noisy.csv").fingerprint
    assert len(open_dataset(f"{address}/train_noisy/00.wav").clips) == 1


def test_training_on_a_store_gives_the_figures_of_training_on_disk(
    bucket: Bucket, sounds: Path, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, stages=(replace(RECIPE.stages[1], epochs=1),))
    address = bucket.put_folder(sounds, "pets")
    roots = (localise(address), sounds)
    runs = [
        create_run(Workspace(tmp_path / f"home-{number}"), RunSettings(str(root), recipe, device="cpu", folds=(1,)))
        for number, root in enumerate(roots)
    ]
    ours, theirs = (figures(work_and_record(run).run) for run in runs)
    assert ours == theirs


def test_tags_of_a_store_are_those_of_the_folder_on_disk(bucket: Bucket, sounds: Path, tiny_ensemble: Path) -> None:
    address = bucket.put_folder(sounds, "pets")
    tagger = Tagger(tiny_ensemble)
    ours, theirs = (list(tag_files(tagger, sound_files([root]))) for root in (localise(address), sounds))
    assert [(one.file.clip, one.problem) for one in ours] == [(one.file.clip, one.problem) for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert (one.tags and one.tags.scores.tobytes()) == (other.tags and other.tags.scores.tobytes())
    assert tagger.tag(f"{address}/train_noisy/00.wav").name == "00.wav"


def test_commands_take_addresses_and_print_them(
    bucket: Bucket, sounds: Path, run: Callable[..., CommandResult]
) -> None:
    address = bucket.put_folder(sounds, "pets")
    scanned = run("scan", address)
    assert scanned.status == 1  # one sound is missing, and one broken
    assert FOLDER not in scanned.out + scanned.err
    bucket.delete("pets/train_noisy.csv")
    bucket.put("pets/train_curated/more.wav", b"")
    assert not (mirror_root() / "s3" / bucket.name / "pets/train_curated/more.wav").exists()
    run("splits", address)
    assert (mirror_root() / "s3" / bucket.name / "pets/train_curated/more.wav").exists()
    assert not (mirror_root() / "s3" / bucket.name / "pets/train_noisy.csv").exists()
    refused = run("scan", f"s3://{bucket.name}/none")
    assert (refused.status, refused.out) == (2, "")
    assert f"s3://{bucket.name}/none does not exist" in refused.err


def test_hostile_keys_stay_in_the_mirror_and_none_is_lost(bucket: Bucket, tmp_path: Path) -> None:
    keys = ["../../../../evil.wav", "a//b.wav", "/c.wav", "dog", "dog/d.wav", "%2e%2e/e.wav", "f\\g.wav", "100%.wav"]
    listing = Listing(mirror_root() / "s3" / bucket.name / "x")
    before = set(tmp_path.parent.rglob("*"))
    for key in [*keys, "h\0i.wav", "l" * 300 + ".wav", "folder/"]:
        listing.add(key, FACTS if key != "folder/" else Facts(0, 1))
    listing.apply()
    found = {path for path in mirror_root().rglob("*") if path.is_file() and path.suffix != ".json"}
    found = {path for path in found if not path.name.endswith(".lock")}
    assert {address_of(path).key for path in found} == {f"x/{key}" for key in [*keys, "h\0i.wav"]}
    (problem,) = listing.problems
    assert problem.reason == f"{'l' * 300}.wav is left out, because a name in it has more than 255 bytes; rename it."
    outside = {path for path in set(tmp_path.parent.rglob("*")) - before if mirror_root() not in path.parents}
    assert not any("evil" in path.name for path in outside)


def test_names_that_differ_only_in_case_are_two_files_where_the_disk_folds_case(bucket: Bucket) -> None:
    listing = Listing(mirror_root() / "s3" / bucket.name, folds_case=True)
    keys = ["a.wav", "A.wav", "dog/B.wav", "Dog/b.wav", "dog/c.wav", "e\u0301.wav", "é.wav"]
    for key in keys:
        listing.add(key, FACTS)
    listing.apply()
    names = {str(path.relative_to(listing.folder)) for path in listing.folder.rglob("*.wav")}
    assert len({name.casefold() for name in names}) == len(keys)
    assert {address_of(listing.folder / name).key for name in names} == set(keys)


def test_what_cannot_be_mirrored_is_a_problem_of_the_dataset(
    bucket: Bucket, sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put_folder(sounds, "pets")
    bucket.put(f"pets/{'l' * 300}.wav", b"RIFF")
    bucket.put("pets/more.csv", b"x" * 6000)
    monkeypatch.setattr("audiotag.data.remote_folders.MAX_TEXT_BYTES", 5000)
    reasons = " ".join(problem.reason for problem in open_dataset(address).problems)
    assert "255 bytes" in reasons
    assert "more.csv is left out, because tables of more than" in reasons


def test_listing_that_fails_changes_nothing(bucket: Bucket, sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = bucket.put_folder(sounds, "pets")
    path = localise(address)
    before = sorted(path.rglob("*"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    storage.forget()
    monkeypatch.setitem(
        storage.OPTIONS, "s3", {"config_kwargs": {"connect_timeout": 1, "retries": {"max_attempts": 1}}}
    )
    monkeypatch.setattr("s3fs.core.S3FileSystem.retries", 1)
    with pytest.raises(AudiotagError, match=f"{address} cannot be reached"):
        localise(address)
    storage.forget()
    assert sorted(path.rglob("*")) == before
    assert open_dataset(path).labels  # it is known from the last time


def test_nothing_is_ever_written_to_a_store(
    bucket: Bucket, sounds: Path, run: Callable[..., CommandResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put_folder(sounds, "pets")
    asked: list[str] = []
    import s3fs

    call = s3fs.S3FileSystem._call_s3

    async def recorded(self: Any, method: str, *arguments: Any, **named: Any) -> Any:
        asked.append(method)
        return await call(self, method, *arguments, **named)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", recorded)
    monkeypatch.setattr(s3fs.S3FileSystem, "call_s3", __import__("fsspec").asyn.sync_wrapper(recorded))
    storage.forget()
    run("scan", address)
    storage.forget()
    assert set(asked) <= {"list_objects_v2", "head_object", "get_object"}
    assert {"list_objects_v2", "get_object"} <= set(asked)
