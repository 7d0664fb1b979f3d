"""The device that these tests compute on: a GPU, and for those that a CPU gets through, the CPU too."""

import pytest
import torch

NO_GPU = "torch finds no GPU"


@pytest.fixture
def cuda() -> torch.device:
    """The GPU; without one the test is skipped."""
    if not torch.cuda.is_available():
        pytest.skip(NO_GPU)
    return torch.device("cuda", 0)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The CPU, so that the test itself stays right, and the GPU."""
    return torch.device("cpu") if request.param == "cpu" else request.getfixturevalue("cuda")
