"""The app in Chromium behind its token, and a page of another host that leads to it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from audiotag.workspace import Workspace

from .conftest import Server, new_page
from .test_app import drop, hear, wait_until_settled

TOKEN = "a-token-for-this-test-alone"


@pytest.fixture
def guarded(home: Path) -> Iterator[Server]:
    Workspace(home).remember_dataset(home / "starter-sounds")
    server = Server(home, TOKEN)
    server.start()
    yield server
    server.stop()


def test_token_opens_pages_links_reloads_uploads_and_sounds(guarded: Server, page: Page, unseen: Path) -> None:
    refused: list[str] = []
    page.goto(f"{guarded.url}/tag?ensemble=starter")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("This token is not the one of this server.")).to_be_visible()
    page.get_by_label("Token").fill(TOKEN)
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 403 else None)
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="Tag", level=1)).to_be_visible()
    expect(page).not_to_have_url(re.compile(TOKEN))
    expect(page).to_have_url(re.compile("ensemble=starter"))
    clip = next((unseen / "train_curated").glob("*.wav"))
    drop(page, clip)
    expect(page.get_by_role("heading", name=clip.name)).to_be_visible()
    hear(page, page.locator("audio").first)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Spectrogram").click()
    expect(page.get_by_role("heading", name="Spectrogram", level=1)).to_be_visible()
    hear(page, page.locator("audio").first)
    for name in ("", "dataset", "dataset?tab=Labels", "train", "score"):
        page.goto(f"{guarded.url}/{name}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        wait_until_settled(page)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert refused == []


@pytest.mark.parametrize("token", ["", TOKEN])
def test_page_of_another_host_that_leads_here_is_refused(
    home: Path, launch: Callable[..., Browser], token: str
) -> None:
    Workspace(home).remember_dataset(home / "starter-sounds")
    server = Server(home, token)
    server.start()
    browser = launch("--host-resolver-rules=MAP evil.example 127.0.0.1")
    try:
        page = new_page(browser)
        foreign = f"http://evil.example:{server.port}"
        answer = page.goto(f"{foreign}/tag?token={token}")
        assert answer
        assert answer.status == 403
        expect(page.get_by_text("This server does not answer under this name.")).to_be_visible()
        for address in (foreign, server.url):  # the attacker's own page, and that page reaching out
            opened = page.evaluate(
                """address => new Promise(done => {
                  const socket = new WebSocket(address.replace("http", "ws") + "/_stcore/stream", ["streamlit"]);
                  socket.onopen = () => done(true);
                  socket.onerror = () => done(false);
                })""",
                address,
            )
            assert not opened
    finally:
        browser.close()
        server.stop()
