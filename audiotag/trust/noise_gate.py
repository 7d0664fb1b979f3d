"""The noise gate: how many false tags per hour an ensemble gives to sounds that should get no tag.

Sounds are cut into windows without overlap, and each window is tagged as a clip of its own. So with windows of 5 s a
label can be given at most 720 times per hour.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from audiotag.errors import AudiotagError
from audiotag.state import fits
from audiotag.trust.intervals import wilson_interval
from audiotag.wording import shortened

MAX_PLAYED = 100
MAX_WINDOWS = 1_000_000
MAX_CHARS = 100


def _is_short(value: object) -> bool:
    return isinstance(value, str) and fits(value, str) and len(value) <= MAX_CHARS and value.isprintable()


def _is_count(value: object) -> bool:
    return fits(value, int) and 0 <= value <= MAX_WINDOWS  # type: ignore[operator]


PLAYED_SHAPE = {
    "kind": _is_short, "level_dbfs": (float, None), "windows": _is_count, "windows_tagged": _is_count,
    "tags": lambda value: isinstance(value, dict) and all(map(_is_count, value.values())), "not_counted": [str],
}  # fmt: skip
SHAPE = {
    "played": [PLAYED_SHAPE], "window_s": lambda value: fits(value, float) and value > 0, "speech": _is_short,
    "date": _is_short,
}  # fmt: skip


@dataclass(frozen=True)
class Played:
    """One kind of sound at one level, and the tags that it got.

    Attributes
    ----------
    kind : str
    level_dbfs : float or None
        RMS level in dB re full scale; None for silence.
    windows : int
        Number of windows.
    windows_tagged : int
        Number of windows that got a false tag.
    tags : dict[str, int]
        For each label, the number of windows that got it; labels that no window got are left out.
    not_counted : tuple[str, ...]
        Labels of the ensemble that are right for this kind, such as Speech for speech.
    """

    kind: str
    level_dbfs: float | None
    windows: int
    windows_tagged: int
    tags: dict[str, int]
    not_counted: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoiseGate:
    """What was played to an ensemble, and which tags it gave.

    Attributes
    ----------
    played : tuple[Played, ...]
    window_s : float
        Length of a window in seconds.
    speech : str
        What rendered the speech, such as "espeak-ng 1.51".
    date : str
        As 2026-01-31.
    """

    played: tuple[Played, ...]
    window_s: float
    speech: str
    date: str

    @property
    def seconds(self) -> float:
        """How long all sounds together lasted."""
        return sum(one.windows for one in self.played) * self.window_s

    @property
    def highest_rate(self) -> float:
        """False tags per hour of a label that every window gets."""
        return 3600 / self.window_s

    def sentence(self) -> str:
        """The result in one sentence, which names the kind of sound with the most false tags."""
        table = self.by_sound().groupby("kind", sort=False)[["windows", "tagged"]].sum()
        shares = table["tagged"] / table["windows"]
        begin = f"Noise gate, {self.seconds / 60:.0f} minutes of noises and speech:"
        if not shares.max() > 0:
            return f"{begin} no false tag."
        rates = self.by_label()
        labels = ", ".join(f"{label} {rate:.0f}" for label, rate in rates["all"].head(3).items())
        return (
            f"{begin} false tags in {shares.max():.0%} of the windows with {shares.idxmax()}; false tags per hour: "
            f"{labels}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any, labels: Collection[str]) -> NoiseGate:
        """Read what `to_dict` gave, and check it.

        Parameters
        ----------
        values : object
            What JSON held.
        labels : collection of str
            The labels of the ensemble.

        Raises
        ------
        AudiotagError
            If a value is missing or cannot be right.
        """
        if not fits(values, SHAPE) or set(values) - set(SHAPE) or len(values["played"]) > MAX_PLAYED:
            raise AudiotagError("noise_gate does not hold what audiotag noise-gate writes; measure it again")
        played = []
        for entry in values["played"]:
            counts = entry["tags"].values()
            if set(entry) - set(PLAYED_SHAPE) or max((*counts, entry["windows_tagged"])) > entry["windows"]:
                raise AudiotagError("noise_gate has more tagged windows than windows; measure it again")
            if unknown := sorted({*entry["tags"], *entry["not_counted"]} - set(labels)):
                raise AudiotagError(f"noise_gate names {shortened(unknown[0])}, which is not a label; measure it again")
            played.append(Played(**entry | {"not_counted": tuple(entry["not_counted"])}))
        return cls(tuple(played), float(values["window_s"]), values["speech"], values["date"])

    def by_sound(self) -> pd.DataFrame:
        """False tags of each kind of sound at each level.

        Returns
        -------
        pandas.DataFrame
            One row per kind and level: ``kind``, ``level (dBFS)`` (NaN for silence), ``minutes``, ``windows``,
            ``tagged`` (windows with a false tag), ``share`` with its 95 % interval ``share_low`` to ``share_high``
            (Wilson), ``tags`` (false tags of all labels), ``per hour``, and ``most often`` (the label given most).
        """
        rows = []
        for one in self.played:
            hours = one.windows * self.window_s / 3600
            tags = sum(one.tags.values())
            low, high = wilson_interval(one.windows_tagged, one.windows)
            rows.append(
                {
                    "kind": one.kind,
                    "level (dBFS)": one.level_dbfs,
                    "minutes": hours * 60,
                    "windows": one.windows,
                    "tagged": one.windows_tagged,
                    "share": one.windows_tagged / one.windows if one.windows else float("nan"),
                    "share_low": float(low),
                    "share_high": float(high),
                    "tags": tags,
                    "per hour": tags / hours if hours else float("nan"),
                    "most often": max(one.tags, key=lambda label: one.tags[label], default=""),
                }
            )
        return pd.DataFrame(rows).astype({"level (dBFS)": float})

    def by_label(self) -> pd.DataFrame:
        """False tags per hour of each label that got any, for each kind of sound, over all levels.

        Returns
        -------
        pandas.DataFrame
            The index is ``label``; one column per kind in the order in which they were played, then ``all``, which is
            over the time of all kinds; the highest first. NaN where a label is right for a kind.
        """
        kinds = list(dict.fromkeys(one.kind for one in self.played))
        labels = dict.fromkeys(label for one in self.played for label in one.tags)
        table = pd.DataFrame(index=pd.Index(list(labels), name="label", dtype=object))
        for name, group in [
            *((kind, [one for one in self.played if one.kind == kind]) for kind in kinds),
            ("all", self.played),
        ]:
            rates = []
            for label in labels:
                counted = [one for one in group if label not in one.not_counted]
                hours = sum(one.windows for one in counted) * self.window_s / 3600
                rates.append(sum(one.tags.get(label, 0) for one in counted) / hours if hours else float("nan"))
            table[name] = rates
        return table.sort_values("all", ascending=False, kind="stable")
