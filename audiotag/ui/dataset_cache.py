"""Datasets that pages show: opened, with an index, measured, with their faults; kept until the files change."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import streamlit as st

from audiotag.data.contents import cache_path
from audiotag.data.dataset import Dataset
from audiotag.data.index import cache_name, scan
from audiotag.data.left_out import left_out_path
from audiotag.data.near_duplicates import near_duplicates_path, read_near_duplicates
from audiotag.data.saved_options import open_remembered
from audiotag.data.stamp import dataset_stamp
from audiotag.inspection import faults
from audiotag.inspection.measurement_job import MeasurementJob, with_measures
from audiotag.ui.caching import cached, file_stamp
from audiotag.workspace import Workspace


def load_dataset(root: Path) -> Dataset:
    """The dataset at ``root``, opened with the options that the workspace holds for it."""
    return _dataset(root, dataset_key(root))


def load_index(dataset: Dataset) -> pd.DataFrame:
    """The dataset's index with all measurements so far; the first time with a progress bar."""
    stamp = dataset_key(dataset.root)
    return _measured_index(dataset.root, stamp, measurement_job(dataset).stamp())


def has_sounds(dataset: Dataset, subset: str) -> bool:
    """Whether the sound file of at least one clip of a subset exists."""
    return _has_sounds(dataset.root, dataset_key(dataset.root), subset)


def find_faults(dataset: Dataset) -> pd.DataFrame:
    """The dataset's faults, as far as it is measured."""
    return _faults(dataset.root, dataset_key(dataset.root), measurement_job(dataset).stamp())


def measurement_job(dataset: Dataset) -> MeasurementJob:
    """The job that decodes and measures every clip of the dataset."""
    return MeasurementJob.of(dataset.root, dataset.name, Workspace())


def dataset_key(root: Path) -> str:
    """A key that changes with the dataset's files, the options that open it, what is left out, and near-duplicates."""
    workspace = Workspace()
    paths = (left_out_path(root, workspace), near_duplicates_path(root, workspace))
    times = [file_stamp(path) for path in paths]
    return repr((dataset_stamp(root), sorted(workspace.dataset_options(root).items()), times))


@cached(max_entries=8, show_spinner="Opening the dataset …")
def _dataset(root: Path, stamp: str) -> Dataset:
    return open_remembered(root, Workspace())


@cached(max_entries=8, show_spinner=False, ttl=10)  # sounds may be copied to where they belong at any time
def _has_sounds(root: Path, stamp: str, subset: str) -> bool:
    return any(map(os.path.exists, load_dataset(root).subset(subset)["path"]))


@cached(max_entries=8, show_spinner=False)
def _index(root: Path, stamp: str) -> pd.DataFrame:
    bar = st.empty()

    def progress(done: int, total: int) -> None:
        if done % 640 == 0 or done == total:
            bar.progress(done / total, f"Reading headers: {done:,} of {total:,}")

    try:
        return scan(load_dataset(root), Workspace().indexes, progress)
    finally:
        bar.empty()


@cached(max_entries=4, show_spinner=False)
def _measured_index(root: Path, stamp: str, parts: int) -> pd.DataFrame:
    return with_measures(_index(root, stamp), measurement_job(load_dataset(root)).table())


@cached(max_entries=4, show_spinner=False)
def _faults(root: Path, stamp: str, parts: int) -> pd.DataFrame:
    dataset = load_dataset(root)
    checksums = cache_path(Workspace().indexes, cache_name(root, dataset.name))
    near_duplicates = read_near_duplicates(dataset, Workspace())
    return faults.find_faults(dataset, _measured_index(root, stamp, parts), checksums, near_duplicates)
