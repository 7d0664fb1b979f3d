"""Real servers with workspaces of their own, and Chromium.

Most tests share one server per pytest process: a start takes seconds, and each page of a browser has a session of its
own on the server.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from audiotag.starter.render import StarterCounts, render_starter

ROOT = Path(__file__).parents[2]
WAIT_MS = 90_000  # a page shares two cores, which may be slow, with a training
WAIT_S = WAIT_MS / 1000
expect.set_options(timeout=WAIT_MS)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def free_port() -> int:
    """A port that stays free while a server is stopped: the system gives no connection a port below 32,768."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("100 ports are in use")


class Server:
    """The app as ``make app`` starts it, without a token by default; it can be stopped and started again."""

    def __init__(self, home: Path, token: str = "") -> None:
        self.home = home
        self.token = token
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        token = [] if self.token else ["--no-token"]
        return [sys.executable, "-m", "audiotag", "app", "--port", str(self.port), *token]

    def start(self) -> None:
        # With PyTorch no engine is measured first, which takes a processor for some seconds.
        variables = {"AUDIOTAG_HOME": str(self.home), "AUDIOTAG_TOKEN": self.token, "AUDIOTAG_ENGINE": "torch"}
        self.process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env=os.environ | variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + WAIT_S
        while not self.answers():
            assert time.monotonic() < deadline, f"the server did not answer within {WAIT_S} s"
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process:
            os.killpg(self.process.pid, 15)  # audiotag and the streamlit below it; a worker has its own group
            self.process.wait(WAIT_S)
            self.process = None
            deadline = time.monotonic() + WAIT_S
            while self.listens():  # the streamlit below ends a moment later
                assert time.monotonic() < deadline, f"the server did not stop within {WAIT_S} s"
                time.sleep(0.1)
        self.print_logs()

    def print_logs(self) -> None:
        """Print the logs of the workspace; pytest shows them if the test failed."""
        for log in (self.home / "logs").glob("*.txt"):
            print(log.read_text(encoding="utf-8"))

    def listens(self) -> bool:
        """Whether the port is in use, even if what uses it is too busy to answer."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
        except OSError:
            return False
        return True


@pytest.fixture(scope="session")
def home(of_all_workers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a small set of starter sounds."""
    folder = tmp_path_factory.mktemp("workspace")
    counts = StarterCounts(curated=60, noisy=60, test=20)
    shutil.copytree(render_starter(of_all_workers / "starter-sounds", counts=counts), folder / "starter-sounds")
    return folder


@pytest.fixture(scope="session")
def unseen(of_all_workers: Path) -> Path:
    """Sounds of another seed, which the shipped ensemble was not trained on; tests only read them."""
    counts = StarterCounts(curated=60, noisy=20, test=20)
    return render_starter(of_all_workers / "unseen-sounds", seed=77, counts=counts)


@pytest.fixture(scope="session")
def shared_server(home: Path) -> Iterator[Server]:
    """The server of the tests that share the workspace."""
    server = Server(home)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server, home: Path) -> Iterator[Server]:
    """The shared server, without the sounds that earlier tests have tagged; a test may stop and start it."""
    shutil.rmtree(home / "tag-history", ignore_errors=True)
    if shared_server.process is None:  # the test before has failed between the two
        shared_server.start()
    yield shared_server
    shared_server.print_logs()


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., Browser]]:
    """``launch(*arguments)``: a new Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: install Debian's package chromium")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        yield lambda *more: playwright.chromium.launch(executable_path=CHROMIUM, args=[*arguments, *more])


@pytest.fixture(scope="session")
def chromium(launch: Callable[..., Browser]) -> Iterator[Browser]:
    browser = launch()
    yield browser
    browser.close()


def new_page(browser: Browser, **options: Any) -> Page:
    """A page in a context of its own. Like all pages of that context, it waits as long as the tests do elsewhere."""
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    return context.new_page()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of its own; it is closed after the test, as are all others that the test has opened."""
    others = chromium.contexts
    yield new_page(chromium, viewport={"width": 1400, "height": 1000})
    for context in chromium.contexts:
        if context not in others:  # whose pages would go on asking the shared server
            context.close()


@pytest.fixture
def hearing(launch: Callable[..., Browser]) -> Iterator[Callable[[Path], Page]]:
    """``hearing(wav)``: a page of a browser whose microphone plays a file in a loop."""
    browsers = []

    def open_page(wav: Path) -> Page:
        browser = launch(
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={wav}",
        )
        browsers.append(browser)
        return new_page(browser, viewport={"width": 1400, "height": 1200})

    yield open_page
    for browser in browsers:
        browser.close()
