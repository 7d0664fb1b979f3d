"""The events of a run are read whole, whatever was torn, damaged or written at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from audiotag.training import runs as runs_module
from audiotag.training.runs import (
    Run,
)

from .conftest import PLAN


def test_torn_last_line_of_the_events_is_left_for_later(run: Run) -> None:
    assert run.events() == []
    run.write_event("run-started", **PLAN)
    run.write_event("fold-started", fold=1)
    whole = (run.folder / "events.jsonl").read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for cut in range(2, len(last) + 1):  # without its newline alone it is whole
        (run.folder / "events.jsonl").write_bytes(whole[:-cut])
        assert [event["event"] for event in run.events()] == ["run-started"]
    (run.folder / "events.jsonl").write_bytes(whole)
    assert [event["event"] for event in run.events()] == ["run-started", "fold-started"]


def test_line_cut_inside_a_letter_of_several_bytes_is_skipped(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write('{"event": "epoch", "subset": "gerä'.encode()[:-1])
    assert [event["event"] for event in run.events()] == ["run-started"]


@pytest.mark.parametrize("torn", [b"", b'{"event": "epo', b'{"event": "epoch", "subset": "ger\xc3'])
def test_event_after_a_torn_line_stands_on_a_line_of_its_own(run: Run, torn: bytes) -> None:
    run.write_event("run-started", **PLAN)
    run.write_event("fold-started", fold=1)
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(torn)
    run.mend_events()
    run.write_event("agreed", fold=1)
    assert [event["event"] for event in run.events()] == ["run-started", "fold-started", "agreed"]
    assert len((run.folder / "events.jsonl").read_bytes().splitlines()) == 3


def test_mending_leaves_whole_events_and_none_as_they_are(run: Run) -> None:
    run.mend_events()
    assert not (run.folder / "events.jsonl").exists()
    (run.folder / "events.jsonl").write_bytes(b'{"event": "run-sta')  # torn before the first was whole
    run.mend_events()
    assert run.events() == []
    run.write_event("run-started", **PLAN)
    before = (run.folder / "events.jsonl").read_bytes()
    run.mend_events()
    assert (run.folder / "events.jsonl").read_bytes() == before


def test_events_that_several_write_at_once_are_all_whole(run: Run) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: run.write_event("agreed", number=number, filler="ä" * 500), range(64)))
    assert sorted(event["number"] for event in run.events()) == list(range(64))


def test_damaged_events_are_left_out_and_the_file_is_kept_when_the_run_continues(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    run.write_event("fold-started", fold=1)
    path = run.folder / "events.jsonl"
    whole = path.read_bytes()
    damaged = whole.replace(b'{"event": "fold-started"', b'{"event": "fold-st\0rted').replace(
        b'"fold": 1}', b'"fold": "x"}'
    )
    path.write_bytes(damaged + b'{"event": "agreed", "fold": 1}\n')
    assert [event["event"] for event in run.events()] == ["run-started", "agreed"]
    run.mend_events()
    assert [event["event"] for event in run.events()] == ["run-started", "agreed"]
    assert path.read_bytes().count(b"\n") == 2
    assert (run.folder / "events.jsonl.damaged").read_bytes().startswith(damaged)


def test_event_of_any_kind_whose_stage_is_no_number_is_left_out(run: Run) -> None:
    run.write_event("run-started", **PLAN)
    for event in ("agreed", "fold-started", "of a later version"):
        run.write_event(event, fold=1, stage=[1])
        run.write_event(event, fold=1, per_class=7)
    assert [event["event"] for event in run.events()] == ["run-started"]


def test_kill_while_damaged_events_are_mended_loses_none_of_the_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.write_event("run-started", **PLAN)
    run.write_event("fold-finished", fold=1, lwlrap=0.5)
    path = run.folder / "events.jsonl"
    with path.open("ab") as file:
        file.write(b"\0\n")
    content = path.read_bytes()

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runs_module, "write_bytes", kill)
        with pytest.raises(KeyboardInterrupt):
            run.mend_events()
    assert run.finished_folds() == [1]
    run.mend_events()
    assert run.finished_folds() == [1]
    assert (run.folder / "events.jsonl.damaged").read_bytes() == content
