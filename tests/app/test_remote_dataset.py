import importlib.util
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from audiotag.remote.addresses import FOLDER, is_remote
from audiotag.ui.text import JOINER
from audiotag.workspace import Workspace

from .conftest import open_by_path, open_page, table_dataset, texts


class Quiet(SimpleHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def log_message(self, *arguments: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where a web server on this machine has a dataset."""
    if importlib.util.find_spec("aiohttp") is None:
        pytest.skip("needs aiohttp: opens addresses of the web")
    table_dataset(tmp_path / "served" / "pets", ["a.wav,dog", "b.wav,dog", "c.wav,cat"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "served")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/pets"
    server.shutdown()
    server.server_close()


def test_address_is_listed_and_opened_as_a_dataset_or_refused_with_the_reason(home: Workspace, address: str) -> None:
    at = open_by_path(open_page("pages/dataset.py"), f"{address}-of-nobody")
    assert f"{address}-of-nobody does not exist" in " ".join(texts(at.error)).replace(JOINER, "")
    at.text_input(key="dataset-path").set_value(address)
    at = at.button(key="open-path").click().run()
    assert not at.exception
    assert "open-path" not in [button.key for button in at.button]  # the dialog is closed
    assert FOLDER in str(home.dataset_folders()[0])
    shown = " ".join(str(element.value) for kind in (at.markdown, at.caption, at.code) for element in kind)
    assert FOLDER not in shown

    # Nothing is listed that nobody gave.
    Quiet.asked.clear()
    root = home.dataset_folders()[0]
    at = open_page("pages/dataset.py").button(key="open-dataset").click().run()
    assert not is_remote(at.session_state["open-dataset-target"])
    at = open_page("pages/dataset.py")
    at.session_state["open-dataset-folder"] = root
    at = at.button(key="open-dataset").click().run()
    assert at.text_input(key="dataset-path").value == address
    for above in (root.parent, root.parent.parent):
        at = at.button(key="way-up").click().run()
        assert at.session_state["open-dataset-target"] == above
        assert not at.exception
        assert not at.error
    assert Quiet.asked == []
    assert list(root.rglob("a.wav"))
