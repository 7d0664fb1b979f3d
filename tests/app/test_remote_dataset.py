import importlib.util
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from audiotag.remote.addresses import FOLDER
from audiotag.workspace import Workspace

from .conftest import open_by_path, open_page, texts


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def address(sounds: Path) -> Iterator[str]:
    """Where a web server on this machine has the sounds."""
    if importlib.util.find_spec("aiohttp") is None:
        pytest.skip("needs aiohttp: opens addresses of the web")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(sounds.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/{sounds.name}"
    server.shutdown()
    server.server_close()


def test_address_is_listed_and_opened_as_a_dataset_or_refused_with_the_reason(address: str) -> None:
    at = open_by_path(open_page("pages/1_Dataset.py"), f"{address}-of-nobody")
    assert f"{address}-of-nobody does not exist" in " ".join(texts(at.error))
    at.text_input(key="dataset-path").set_value(address)
    at = at.button(key="open-path").click().run()
    assert not at.exception
    assert "open-path" not in [button.key for button in at.button]  # the dialog is closed
    assert FOLDER in str(Workspace().dataset_folders()[0])
    shown = " ".join(str(element.value) for kind in (at.markdown, at.caption, at.code) for element in kind)
    assert FOLDER not in shown
