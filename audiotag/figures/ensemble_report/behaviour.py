"""How an ensemble behaves apart from its quality: false tags on noises, what its steps gain, how fast it is."""

from __future__ import annotations

import pandas as pd

from audiotag.figures.ensemble_report.blocks import (
    Block,
    Commands,
    Missing,
    Paragraph,
    Section,
    formatted,
    table_of,
)
from audiotag.tagging.model_card import EnsembleFacts, engines_table


def noise_gate(facts: EnsembleFacts, commands: Commands) -> Section:
    """False tags on noises and speech."""
    gate = facts.card.noise_gate
    if gate is None:
        return Section("Noise gate", (Missing("False tags on noises and speech are not measured.",
                                              commands["noise-gate"]),))  # fmt: skip
    by_sound = gate.by_sound()
    columns = (("kind", "Sound", ""), ("level (dBFS)", "Level, dBFS RMS", ".0f"), ("minutes", "Minutes", ".1f"),
               ("windows", "Windows", ",d"), ("tagged", "With a false tag", ",d"), ("share", "Share", ".3f"),
               ("share_low", "From", ".3f"), ("share_high", "To", ".3f"), ("per hour", "False tags per hour", ".0f"),
               ("most often", "Most often", ""))  # fmt: skip
    blocks: list[Block] = [
        Paragraph(gate.sentence()),
        table_of("False tags by sound and level, with 95 % intervals of the share", by_sound, columns),
        Paragraph(
            f"Each window of {gate.window_s:g} s is tagged as a clip of its own with the thresholds of the card, so "
            f"{gate.highest_rate:.0f} false tags per hour are one in every window. Speech: {gate.speech}. {gate.date}.",
            is_quiet=True,
        ),
    ]
    rates = gate.by_label()
    if len(rates):
        names = [(str(name), str(name), ".0f") for name in rates]
        rows = rates.reset_index()
        blocks.append(
            table_of("False tags per hour of each label", rows, [("label", "Label", ""), *names], is_closed=True)
        )
    return Section("Noise gate", tuple(blocks))


def gains(facts: EnsembleFacts, commands: Commands) -> Section:
    """What each step of the ensemble gains, and what it costs."""
    title, found = "Gains", facts.ablation
    if found is None:
        return Section(title, (Missing("It is not measured what each step gains.", commands["ablation"]),))
    rows = pd.DataFrame(
        [
            {
                "step": row.step, "lwlrap": row.lwlrap, "accuracy": row.accuracy, "over": row.over,
                "gain": "—" if row.gain is None else _signed(row.gain, row.low, row.high), "ms": row.ms_per_clip,
            }
            for row in found.rows
        ]
    )  # fmt: skip
    columns = (("step", "Step", ""), ("lwlrap", "lwlrap", ".3f"), ("accuracy", "Accuracy", ".3f"),
               ("gain", "Gain", ""), ("over", "Over", ""), ("ms", "ms per clip", ".1f"))  # fmt: skip
    about = (
        f"Measured on {found.clips:,} clips of {found.dataset} ({found.subset}) with {found.labels:,} labels, by the "
        f"engine {found.engine}, {found.date}."
    )
    blocks: list[Block] = [
        table_of("What folds, their combination and test-time augmentation gain", rows, columns),
        Paragraph(about, is_quiet=True),
    ]
    if not any(row.low is not None for row in found.rows):
        blocks.append(Missing("Intervals of the gains are not measured.", commands["ablation"]))
    return Section(title, (*blocks, *(Paragraph(note, is_quiet=True) for note in found.notes)))


def _signed(gain: float, low: float | None, high: float | None) -> str:
    bounds = "" if low is None or high is None else f" ({formatted(low, '+.4f')} to {formatted(high, '+.4f')})"
    return formatted(gain, "+.4f") + bounds


def speed(facts: EnsembleFacts, commands: Commands) -> Section:
    """How long a window takes on this machine."""
    machine, measured = facts.engines
    if not measured:
        words = "Its engines are not measured on this machine; its first use measures them."
        if facts.card.blend:
            words = "The engines of a blend are those of its members, which are measured on their own."
        return Section("Speed", (Missing(words, "" if facts.card.blend else commands["tag"]),))
    columns = (("engine", "Engine", ""), ("ms per window", "ms per window", ".2f"),
               ("not usable because", "Not usable because", ""))  # fmt: skip
    return Section(
        "Speed",
        (
            table_of("Time of all folds for one window, without decoding", engines_table(measured), columns),
            Paragraph(f"Measured on {machine}.", is_quiet=True),
        ),
    )
