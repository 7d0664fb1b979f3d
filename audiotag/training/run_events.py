"""Parse the events of a run: ``events.jsonl`` has one JSON object per line, appended by the worker.

A line that is damaged, or whose fields have other types than the worker writes, is left out; so are epochs that do not
fit the run's plan. What remains can be read without a further check.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from audiotag.state import fits, is_number

NUMBER = is_number


def _is_count(value: Any) -> bool:
    return fits(value, int) and value >= 1


def _is_rate(value: Any) -> bool:
    """Whether a value is the share of an epoch's batches that are done, and a learning rate."""
    return fits(value, [NUMBER]) and len(value) == 2


STAGE = {
    "stage": int,
    "subset": str,
    "epochs": _is_count,
    "clips": _is_count,
    "pixels": _is_count,
    "shared": bool,
    "batches?": int,
    "subsets?": [str],
    "pools?": dict,
    "stop_after?": int,
}
PLAN = {
    "folds": [int], "labels": [str], "stages": [STAGE], "devices?": [str], "fingerprint?": str, "left_out?": [str],
    "corrected?": int, "splits?": [str], "notes?": [str], "versions?": dict,
}  # fmt: skip
BEST = {"epoch": _is_count, "lwlrap": NUMBER, "accuracy": NUMBER, "per_class": [(NUMBER, None)]}
RESULT = {"fold": int, "lwlrap": NUMBER, "accuracy?": NUMBER, "clips?": int, "per_class?": [(NUMBER, None)],
    "best?": (BEST, None),
}  # fmt: skip
EPOCH = RESULT | {
    "stage": int,
    "subset": str,
    "epoch": _is_count,
    "seconds": NUMBER,
    "train_loss": NUMBER,
    "valid_loss": NUMBER,
    "lr?": NUMBER,
    "rates?": [_is_rate],
    "curated_lwlrap?": (NUMBER, None),
    "negatives_tagged?": (NUMBER, None),
}
ANY_EVENT = {"event": str, "time?": NUMBER, "stage?": int, "per_class?": ([(NUMBER, None)], None)}
SHAPES: dict[str, dict[str, Any]] = {
    "run-started": PLAN,  # once, before the first fold
    "run-resumed": {},
    "fold-started": {"fold": int},  # with fresh weights or the shared network; not when it resumes
    "epoch": EPOCH,  # of a fold, or of the shared network
    "fold-waits": {"fold": int},  # before ``stage``, for the scores of other folds
    "agreed": {"fold?": int, "clips?": int, "of?": int},  # noisy clips that ``stage`` adds, by agreed or agreement
    "fold-finished": RESULT,
    "shared-finished": RESULT,  # the network that all folds start from
    "clips-left-out": {"clips": dict, "fingerprint?": str},  # since an earlier worker died of them
}


@dataclass
class ParsedEvents:
    """What a file of events holds.

    Attributes
    ----------
    events : list[dict]
        In the order in which they happened.
    lines : list[bytes]
        Their lines.
    damaged : int
        Number of lines that are left out because they are damaged; an incomplete last line is not.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    damaged: int = 0


def parse_events(content: bytes) -> ParsedEvents:
    """The events in the content of ``events.jsonl``; a last line that is still being written is left out."""
    parsed = ParsedEvents()
    plan: dict[str, Any] | None = None
    *whole, last = content.split(b"\n")
    for line in filter(None, [*whole, last]):
        event = _parse_line(line)
        if event is None or not _fits_plan(event, plan):
            parsed.damaged += line is not last or b"\0" in line
            continue
        if event["event"] == "run-started" and plan is None:
            plan = event
        parsed.events.append(event)
        parsed.lines.append(line)
    return parsed


def _parse_line(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not fits(event, ANY_EVENT) or not fits(event, SHAPES.get(event["event"], {})):
        return None
    return event


def _fits_plan(event: dict[str, Any], plan: dict[str, Any] | None) -> bool:
    """Whether an event is one of this plan: its stage is in it, and it has one value per label."""
    if event["event"] == "run-started":
        return bool(event["stages"]) and bool(event["folds"])
    if plan is None:
        return True
    per_class = event.get("per_class")
    return event.get("stage", plan["stages"][0]["stage"]) in {stage["stage"] for stage in plan["stages"]} and (
        not per_class or len(per_class) == len(plan["labels"])
    )
