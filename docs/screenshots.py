"""Take the screenshots of the README: ``python docs/screenshots.py ADDRESS WAV SUBMISSION``.

The app must be running at ADDRESS with the starter sounds. SUBMISSION is what ``audiotag submit`` writes for them.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "screenshots"
VIEWPORT = {"width": 1400, "height": 900}


def settled(page: Page) -> None:
    """Wait until the page has run and its charts are drawn."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(2500)


def main(address: str, wav: str, submission: str) -> None:
    """Take one screenshot per page, in the light or the dark theme."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        for name, scheme in (
            ("", "light"),
            ("dataset?tab=Labels", "light"),
            ("spectrogram", "dark"),
            ("train", "light"),
            ("tag", "dark"),
            ("score", "light"),
        ):
            page = browser.new_context(viewport=VIEWPORT, color_scheme=scheme).new_page()
            page.goto(f"{address}/{name}")
            settled(page)
            if name == "spectrogram":
                page.get_by_role("combobox", name="Label").fill("Marimba")
                page.keyboard.press("Enter")
                settled(page)
            if name == "tag":
                page.get_by_test_id("stFileUploaderDropzone").drop({"files": wav})
                settled(page)
            if name == "score":
                page.get_by_test_id("stFileUploaderDropzone").first.drop({"files": submission})
                settled(page)
            page.screenshot(path=FOLDER / f"{name.partition('?')[0] or 'home'}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
