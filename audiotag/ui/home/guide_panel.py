"""Show the guide, which is hidden once and for all, and shown again, by a button."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from audiotag.data.dataset import Dataset
from audiotag.disk import optional_write
from audiotag.state import read_json_state
from audiotag.ui import dataset_cache
from audiotag.ui.home.facts import Facts
from audiotag.ui.home.guide import Action, Step, guide_steps, next_step
from audiotag.ui.open_dataset.dialog import ask_to_open
from audiotag.ui.text import Markdown, escape
from audiotag.ui.widgets import messages
from audiotag.workspace import Workspace, write_json


def is_hidden(workspace: Workspace) -> bool:
    """Whether the user has hidden the guide."""
    return bool(read_json_state(_file(workspace), {"hidden": bool}, {}, "the guide is shown again").get("hidden"))


def hide(hidden: bool) -> None:
    """Hide the guide, or show it again, now and in later sessions."""
    with messages.show_errors(), optional_write("the guide is shown again next time"):
        write_json(_file(Workspace()), {"hidden": hidden})


def show_guide(facts: Facts) -> None:
    """The steps with what is done and what comes next."""
    steps = guide_steps(facts)
    following = next_step(steps)
    with st.container(border=True, key="guide", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            of_dataset = f" with {escape(facts.dataset.name)}" if facts.dataset else ""
            st.header(f"First steps{of_dataset}", anchor=False, width="stretch")
            done = sum(step.is_done for step in steps)
            st.caption(f"{done} of {len(steps)} done", width="content")
            label = Markdown("Hide")
            st.button(label, icon=":material/close:", key="hide-guide", type="tertiary", on_click=hide, args=(True,))
        for number, step in enumerate(steps, 1):
            _show_step(number, step, step is following, facts.dataset)


def _show_step(number: int, step: Step, is_next: bool, dataset: Dataset | None) -> None:
    title: Markdown = step.title
    text: Markdown = step.state
    icon = ":material/check_circle:" if step.is_done else f":material/counter_{number}:"
    state = "done" if step.is_done else "running" if step.is_running else "optional" if step.is_optional else ""
    state = "next" if is_next else state
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"step-{step.key}-{state}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"{icon} **{title}**" + (f" · {state}" if state else ""))
            if step.share is None:
                st.markdown(text)
            else:
                st.progress(min(1.0, step.share), text)
        _show_action(step, step.action, is_next, dataset)


def _show_action(step: Step, action: Action, is_next: bool, dataset: Dataset | None) -> None:
    """A link to a page, or a button; that of the next step stands out."""
    label: Markdown = action.label
    page: Markdown = action.page
    if page and not is_next:
        st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=action.address)
    elif st.button(label, key=f"guide-{step.key}", type="primary" if is_next else "tertiary"):
        if page:
            st.switch_page(page, query_params=action.address)
        with messages.show_errors():
            if action.button == "measure" and dataset is not None:
                dataset_cache.measurement_job(dataset).start()
            elif action.button == "open":
                ask_to_open()
            st.rerun()


def _file(workspace: Workspace) -> Path:
    return workspace.root / "guide.json"
