import importlib.util
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audiotag.remote.addresses import FOLDER
from audiotag.ui.text import JOINER
from audiotag.workspace import Workspace

from .conftest import open_by_path, open_page, table_dataset, texts


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


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
