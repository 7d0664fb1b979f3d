"""The process that renders the starter sounds says how far it is, can be stopped, and is started only once."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from audiotag import jobs
from audiotag.starter import render_job
from audiotag.starter.render import StarterCounts, is_whole, render_starter
from audiotag.starter.render_job import RenderJob
from audiotag.workspace import Workspace

COUNTS = StarterCounts(curated=2, noisy=1, test=1)


@pytest.fixture
def job() -> RenderJob:
    job = RenderJob.of(Workspace())
    return RenderJob(job.folder, job.starter, COUNTS)


def run_main(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["render_job", *job.arguments()])
    monkeypatch.setattr(render_job, "usable_cpus", lambda: 1)  # renders in this process
    render_job.main()


def test_finished_process_leaves_a_whole_set_and_its_progress(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    run_main(job, monkeypatch)
    assert is_whole(job.starter)
    assert job.starter in Workspace().dataset_folders()
    assert job.progress() == {"done": 4, "total": 4, "left_s": 0.0}


def test_stopped_process_leaves_no_whole_set_and_has_not_failed(
    job: RenderJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.stop()
    run_main(job, monkeypatch)
    assert not is_whole(job.starter)
    assert Workspace().dataset_folders() == []
    monkeypatch.setattr(RenderJob, "is_active", lambda job: False)  # this process is
    assert job.failure() == ""


def test_what_a_killed_process_left_is_rendered_again(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("audiotag.starter.render._render_task", killed)
        with pytest.raises(KeyboardInterrupt):
            render_starter(job.starter, counts=COUNTS, workers=1)
    assert Workspace().dataset_folders() == []
    run_main(job, monkeypatch)
    assert is_whole(job.starter)


def test_reason_of_a_failure_is_a_sentence(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    job.starter.mkdir(parents=True)
    (job.starter / "mine.txt").write_text("")
    with pytest.raises(SystemExit):
        run_main(job, monkeypatch)
    monkeypatch.setattr(RenderJob, "is_active", lambda job: False)
    assert job.failure().startswith("Rendering the starter sounds failed: ")
    assert "must be empty or contain an earlier starter set" in job.failure()


def test_second_app_starts_no_second_process(job: RenderJob, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []

    def start(module: str, arguments: list[str], log: Path) -> psutil.Process:
        started.append(log)
        return psutil.Process()

    monkeypatch.setattr(jobs, "start_detached", start)
    job.start()
    RenderJob.of(Workspace()).start()
    assert started == [job.folder / "log.txt"]
