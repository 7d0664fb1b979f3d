"""The shipped ensemble, exported once with one fold."""

import pytest

from audiotag.tagging.settings import TagSettings
from audiotag.tagging.standalone.files import ExportedTagger, export_tagger
from audiotag.workspace import SHIPPED_MODELS


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportedTagger:
    """One fold of the shipped ensemble; tests only read it."""
    folder = tmp_path_factory.mktemp("export")
    return export_tagger(SHIPPED_MODELS / "starter", folder / "rain's.onnx", TagSettings(folds=(3,), calibrated=True))
