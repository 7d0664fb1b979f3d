"""Calls end in their order, none is lost, and an error of one is raised."""

import threading

import pytest

from audiotag.training.one_behind import OneBehind


@pytest.mark.parametrize("is_behind", [False, True])
def test_calls_end_in_their_order_before_the_block_does(is_behind: bool) -> None:
    done: list[int] = []
    with OneBehind(is_behind) as writer:
        for number in range(20):
            writer.run(lambda number=number: done.append(number))
    assert done == list(range(20))


def test_caller_goes_on_while_a_call_runs() -> None:
    go = threading.Event()
    with OneBehind(True) as writer:
        writer.run(lambda: assert_set(go))  # would wait for ever in the caller's own thread
        go.set()


def assert_set(go: threading.Event) -> None:
    assert go.wait(60)


@pytest.mark.parametrize("is_behind", [False, True])
def test_error_of_a_call_is_raised(is_behind: bool) -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"), OneBehind(is_behind) as writer:
        writer.run(fail)


def test_error_of_the_block_goes_before_that_of_a_call() -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    def diverge() -> None:
        with OneBehind(True) as writer:
            writer.run(fail)
            raise FloatingPointError

    with pytest.raises(FloatingPointError):
        diverge()
