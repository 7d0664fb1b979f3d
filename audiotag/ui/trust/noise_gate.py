"""Show the noise gate of an ensemble, and measure it in a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from audiotag.cli.command_lines import noise_gate_line
from audiotag.figures import trust as figures
from audiotag.trust.findings import percent
from audiotag.trust.noise_gate import NoiseGate
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.ui.widgets.charts import show_chart
from audiotag.ui.widgets.downloads import show_table
from audiotag.wording import as_number, format_duration
from audiotag.workspace import Workspace

if TYPE_CHECKING:
    from audiotag.tagging.card import Card
    from audiotag.tagging.noise_gate_job import NoiseGateJob

WATCHED = "noise-gate-watched"  # in the session: a process was running when the page was drawn
MEASURE, AGAIN = Markdown("Measure the noise gate"), Markdown("Measure again")
MAX_LABELS = 12  # in the chart; the table has all


def show_noise_gate(folder: Path, card: Card, workspace: Workspace) -> None:
    """The false tags of the ensemble in a folder; the progress of the measurement, or the button that starts it."""
    from audiotag.tagging.noise_gate_job import NoiseGateJob

    job = NoiseGateJob.of(folder, card, workspace)
    with messages.show_errors():
        if card.noise_gate is None and not job.is_active():
            st.caption(
                "The noise gate plays noises, hum, wind and speech to the ensemble and counts the tags that it gives. "
                "It is not measured yet. It takes about a minute."
            )
        elif card.noise_gate is not None:
            show_gate(card.noise_gate, card.name)
        _show_process(job, AGAIN if card.noise_gate else MEASURE)
        st.caption("The same as a command:")
        st.code(noise_gate_line(folder.name), language="bash", wrap_lines=True)


def start_after_publishing(folder: Path, dataset: Path, workspace: Workspace) -> None:
    """Measure in the background the familiarity and the noise gate of an ensemble that was just published."""
    from audiotag.tagging.card_reading import read_card
    from audiotag.tagging.noise_gate_job import NoiseGateJob

    NoiseGateJob.of(folder, read_card(folder), workspace, dataset).start()


def show_running(workspace: Workspace) -> None:
    """The progress of noise gates that are being measured, of all ensembles of the user."""
    from audiotag.tagging.noise_gate_job import NoiseGateJob

    for folder in sorted((workspace.root / "noise-gates").glob("*")):
        name = folder.name.rpartition("-")[0]
        job = NoiseGateJob(folder, workspace.ensembles / name)
        if job.is_active() or st.session_state.get(f"{WATCHED}-{folder.name}"):
            _show_process(job, None)


def show_gate(gate: NoiseGate, name: str) -> None:
    """The false tags in words, as a figure, and as tables."""
    st.markdown(gate_text(gate))
    rates = gate.by_label()
    if len(rates):
        shown = rates.head(MAX_LABELS)
        show_chart(
            figures.noise_gate(shown.drop(columns="all"), gate.highest_rate),
            key="noise-gate",
            alt="False tags per hour, highest first: "
            + ", ".join(f"{label} {rate:.0f}" for label, rate in shown["all"].items()),
        )
    st.caption(f"False tags per hour of each label, over all levels. {played_text(gate)}")
    excused = sorted({f"{label} ({one.kind})" for one in gate.played for label in one.not_counted})
    if excused:
        st.caption(f"Not counted, because right: {escape(', '.join(excused))}.")
    show_table(gate.by_sound(), f"{name}-noise-gate", Markdown("By sound and level as a table"))
    if len(rates):
        show_table(rates, f"{name}-noise-gate-labels", Markdown("By label as a table"))


def gate_text(gate: NoiseGate) -> Markdown:
    """One line per kind of sound: in how many windows it gets a false tag, and which one most often."""
    lines = []
    table = gate.by_sound()
    for kind, rows in table.groupby("kind", sort=False):
        tagged, windows = rows["tagged"].sum(), rows["windows"].sum()
        most = rows.sort_values("tags", ascending=False)["most often"].iloc[0]
        most_often = f", most often {escape(most)}" if tagged else ""
        lines.append(f"- **{escape(str(kind))}**: false tags in {percent(tagged / windows)} of the windows{most_often}")
    return Markdown("\n".join(lines))


def played_text(gate: NoiseGate) -> Markdown:
    """What was played for how long, and how tags were counted."""
    return Markdown(
        f"Played: {format_duration(gate.seconds)} in total, at {escape(levels_text(gate))} RMS. Speech: "
        f"{escape(gate.speech)}. Each window of {gate.window_s:g} s is tagged as a clip of its own with the card's "
        f"thresholds, so {gate.highest_rate:.0f} false tags per hour are one in every window. {escape(gate.date)}."
    )


def levels_text(gate: NoiseGate) -> str:
    """The levels that were played, with their unit."""
    levels = sorted({one.level_dbfs for one in gate.played if one.level_dbfs is not None})
    return f"{', '.join(as_number(level, 'g') for level in levels)} dBFS"


def _show_process(job: NoiseGateJob, start: Markdown | None) -> None:
    """The progress of the process with a button that stops it, or the button that starts it."""
    active, watched, key = job.is_active(), f"{WATCHED}-{job.folder.name}", f"noise-gate-{job.folder.name}"

    @st.fragment(run_every=1 if active else None)
    def watch() -> None:
        if job.is_active():
            st.session_state[watched] = True
            progress = job.progress()
            name = escape(job.ensemble.name)
            if not progress:
                st.progress(0.0, f"Noise gate of {name}: loading the ensemble …")
            else:
                is_first = job.first_stage.exists()
                what = f"{name}, first its familiarity" if is_first else name
                st.progress(
                    min(1.0, progress["done"] / max(1, progress["total"])),
                    f"Noise gate of {what}: {progress['done']:,} of {progress['total']:,} "
                    f"{'clips' if is_first else 'windows'} · {format_duration(progress['left_s'])} left",
                )
            st.button("Stop", icon=":material/stop:", key=f"{key}-stop", on_click=job.stop)
        elif st.session_state.pop(watched, False):
            st.rerun()
        else:
            if failure := job.failure():
                st.error(escape(failure), icon=":material/error:")
            if start and st.button(start, icon=":material/noise_aware:", key=f"{key}-start"):
                with messages.show_errors():
                    job.start()
                    st.rerun()

    watch()
