"""Take the screenshots of the README: ``python docs/screenshots.py ADDRESS WAV BARE``.

The app must be running with the starter sounds, measured, with a map of their clips, and a finished run on them.
ADDRESS is what `audiotag app` prints, with its token. BARE is the folder of a dataset without labels that the app
knows, with embeddings.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from audiotag.ui.address import dataset_key

FOLDER = Path(__file__).parent / "screenshots"
VIEWPORT = {"width": 1400, "height": 900}
SHOTS = (  # name of the picture, address, theme
    ("home", "", "light"),
    ("dataset", "dataset?tab=Labels", "light"),
    ("map", "dataset?tab=Map", "light"),
    ("spectrogram", "spectrogram?b=warm-up", "dark"),
    ("train", "train", "light"),
    ("tag", "tag", "dark"),
    ("review", "review", "light"),
    ("review-grid", "review?tab=Grid", "light"),
    ("label", "review?tab=Label&dataset={bare}", "dark"),
    ("score", "score", "light"),
)


def settled(page: Page) -> None:
    """Wait until the page has run and its charts are drawn."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(2500)


def main(address: str, wav: str, bare: str) -> None:
    """Take one screenshot per page, in the light or the dark theme."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, path, scheme in SHOTS:
            page = browser.new_context(viewport=VIEWPORT, color_scheme=scheme).new_page()
            page.goto(address)  # leaves the token in a cookie
            settled(page)
            start = address.partition("/?")[0]
            page.goto(f"{start}/{path.format(bare=dataset_key(Path(bare).absolute()))}")
            settled(page)
            if name == "tag":
                page.get_by_test_id("stFileUploaderDropzone").drop({"files": wav})
                page.get_by_role("heading", name=Path(wav).name).wait_for(timeout=60_000)
                settled(page)
            if name == "map":
                page.get_by_role("tab", name="Map").evaluate("tab => tab.scrollIntoView({block: 'start'})")
                settled(page)
            if name == "score":
                if (button := page.get_by_role("button", name="Score starter")).count():
                    button.click()
                page.get_by_role("heading", name="By class").wait_for(timeout=120_000)
                settled(page)
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
