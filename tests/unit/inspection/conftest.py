"""The index of a real dataset without its sounds, which takes a second to make."""

from pathlib import Path

import pandas as pd
import pytest

from audiotag.data.dataset import Dataset
from audiotag.data.index import scan
from audiotag.data.layouts import open_dataset


@pytest.fixture(scope="session")
def real_release(shared: Path) -> tuple[Dataset, pd.DataFrame]:
    """The tables of FSDKaggle2019 from Zenodo, and their index; no test may change it."""
    dataset = open_dataset(shared / "data/fsdkaggle2019")
    return dataset, scan(dataset)
