"""Numbers that the code of published systems gives, and their sources; see tests/fixtures/README.md."""

import json
from functools import cache
from pathlib import Path
from typing import Any

REFERENCE_NUMBERS = Path(__file__).parents[2] / "fixtures" / "systems" / "reference_numbers.json"


@cache
def reference(name: str) -> Any:
    """One entry of the reference numbers of the systems of Freesound Audio Tagging 2019."""
    return json.loads(REFERENCE_NUMBERS.read_text(encoding="utf-8"))[name]
