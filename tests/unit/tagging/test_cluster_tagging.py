"""Shards are handed out, taken back and finished once each, whatever happens to the processes that have them."""

import os
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from audiotag.errors import AudiotagError
from audiotag.tagging import cluster_tagging, opening
from audiotag.tagging.cluster_tagging import SHARDS_PER_ACTOR, ClusterTagging, _OpenedTagger
from audiotag.tagging.export.base import ExportOptions
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.shards import Shard, ShardOptions, ShardResult
from audiotag.tagging.sound_files import SoundFile

OPTIONS = ShardOptions(Path("tiny"), TagSettings(), (0.5,), ExportOptions(("Bark",), (0.5,)))


class RayError(Exception):
    """As that of Ray: an actor, its node or a result is gone."""


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        self.cause = cause


class FakeRay:
    """Enough of Ray for `ClusterTagging`, in this process: actors answer or die when they are asked what they have.

    Parameters
    ----------
    answer : callable
        Gets an actor's number, the name of a method and its arguments, and gives its answer or raises.
    cpus : list of int
        Those of each node.
    rng : numpy.random.Generator
        Says which call is answered first.
    """

    def __init__(self, answer: Callable[..., Any], cpus: list[int], rng: np.random.Generator) -> None:
        self._answer, self.cpus, self._rng = answer, cpus, rng
        self.calls: dict[int, tuple[Any, str, tuple[Any, ...]]] = {}
        self.actors: list[Any] = []
        self.dead: set[int] = set()
        self.dead_nodes: set[str] = set()
        self.exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError)
        strategies = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        self.util = SimpleNamespace(scheduling_strategies=strategies)

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"NodeID": str(number), "Alive": str(number) not in self.dead_nodes, "Resources": {"CPU": float(cpus)}}
            for number, cpus in enumerate(self.cpus)
        ]

    def remote(self, cls: type) -> Any:
        return SimpleNamespace(options=lambda **needs: SimpleNamespace(remote=partial(self._actor, needs)))

    def _actor(self, needs: dict[str, Any], *arguments: Any) -> Any:
        number = len(self.actors)

        def method(name: str) -> Any:
            def call(*arguments: Any) -> int:
                self.calls[len(self.calls)] = number, name, arguments
                return len(self.calls) - 1

            return SimpleNamespace(remote=call)

        methods = {name: method(name) for name in ("node", "open", "tag")}
        self.actors.append(SimpleNamespace(number=number, on=needs["scheduling_strategy"], **methods))
        return self.actors[-1]

    def wait(self, calls: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        first_of: dict[int, int] = {}  # an actor answers its calls in their order
        for call in calls:
            first_of.setdefault(self.calls[call][0], call)
        return [int(self._rng.choice(list(first_of.values())))], []

    def get(self, call: int) -> Any:
        number, name, arguments = self.calls[call]
        if number in self.dead:
            raise RayError
        try:
            return self._answer(number, name, *arguments)
        except RayError:
            raise
        except Exception as error:
            raise RayTaskError(error) from error

    def kill(self, actor: Any) -> None:
        self.dead.add(actor.number)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_tagging, "LOOK_EVERY_S", 0.0)
    monkeypatch.delenv("AUDIOTAG_ENGINE")  # the first actor chooses


def shards_of(count: int) -> list[Shard]:
    return [Shard([SoundFile(Path(f"{number}.wav"), f"{number}.wav")], [number], [number]) for number in range(count)]


def opened(engine: str) -> _OpenedTagger:
    return _OpenedTagger(engine or "openvino", ["First use."])


@pytest.mark.parametrize("seed", range(20))
def test_every_shard_is_committed_once_whichever_actors_die(seed: int) -> None:
    rng, most_out, isolated = np.random.default_rng(seed), 0, Counter[str]()
    cpus = [int(count) for count in rng.integers(1, 20, rng.integers(1, 4))]
    places = sum(-(-count // 8) for count in cpus)
    taken, committed, said, deaths = 0, list[int](), list[str](), 0

    def answer(number: int, name: str, *arguments: Any) -> Any:
        nonlocal deaths
        if name == "tag" and rng.random() < 0.15 and deaths < 3:  # fewer than a shard may be lost
            deaths += 1
            ray.dead.add(number)
            raise RayError
        if name == "open":
            assert arguments[0] in ("", "openvino")
            return opened(arguments[0])
        if name == "tag":
            isolated[arguments[0][0].clip] += arguments[2]
            return ShardResult(str(arguments[1][0]).encode(), 1)
        return "host"

    def shards() -> Any:
        nonlocal taken, most_out
        for shard in shards_of(40):
            taken += 1
            most_out = max(most_out, taken - len(committed))
            yield shard

    def commit(shard: Shard, result: ShardResult) -> None:
        assert result.part == str(shard.positions[0]).encode()
        committed.extend(shard.positions)

    ray = FakeRay(answer, cpus, rng)
    ClusterTagging(ray, OPTIONS, said.append).tag(shards(), commit)
    assert sorted(committed) == list(range(40))
    assert most_out <= SHARDS_PER_ACTOR * places
    assert len(ray.actors) <= places + deaths
    assert ray.dead == set(range(len(ray.actors)))  # none is left
    assert said == ["First use."]  # by the one that chose the engine, which all others then use
    assert bool(isolated.total()) == bool(deaths)  # what was in hand is decoded with care


def test_shard_that_ends_every_process_is_named() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        if name == "tag" and arguments[0][0].clip == "7.wav":
            ray.dead.add(number)
            raise RayError
        return opened("torch") if name == "open" else ShardResult() if name == "tag" else "host"

    ray = FakeRay(answer, [2], np.random.default_rng(0))
    with pytest.raises(AudiotagError, match=r"4 processes on the cluster ended while they tagged \d+\.wav; Ray"):
        ClusterTagging(ray, OPTIONS, print).tag(iter(shards_of(40)), lambda shard, result: None)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_node_that_dies_near_the_end_does_not_get_what_it_lost_again(seed: int, is_known: bool) -> None:
    ray, committed = FakeRay(lambda *call: answer(*call), [64, 2], np.random.default_rng(seed)), list[int]()
    has_died = False

    def answer(number: int, name: str, *arguments: Any) -> Any:
        nonlocal has_died
        has_died |= len(committed) >= 35
        if has_died and ray.actors[number].on == "0":
            ray.dead_nodes |= {"0"} if is_known else set()
            raise RayError
        return opened(arguments[0]) if name == "open" else ShardResult() if name == "tag" else "host"

    def wait(calls: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return ([min(calls, key=lambda call: ray.calls[call][0])], []) if has_died else any_call(calls, 1, 0.0)

    any_call, ray.wait = ray.wait, wait  # type: ignore[method-assign]
    tagging = ClusterTagging(ray, OPTIONS, print)
    tagging.tag(iter(shards_of(40)), lambda shard, result: committed.extend(shard.positions))
    assert has_died
    assert sorted(committed) == list(range(40))


def test_nodes_that_cannot_begin_are_given_up_with_a_sentence() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        ray.dead.add(number)
        raise RayError

    ray = FakeRay(answer, [2, 2], np.random.default_rng(0))
    with pytest.raises(AudiotagError, match="all nodes need the same versions of Python and audiotag"):
        ClusterTagging(ray, OPTIONS, print).tag(iter(shards_of(3)), lambda shard, result: None)


def test_node_that_does_not_see_the_sounds_is_named() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        return "far-away" if name == "node" else _OpenedTagger("", [], arguments[1])

    ray = FakeRay(answer, [2], np.random.default_rng(0))
    with pytest.raises(
        AudiotagError, match=r"the node far-away does not see in/0\.wav; all nodes must have the sounds"
    ):
        ClusterTagging(ray, OPTIONS, print, Path("in/0.wav")).tag(iter(shards_of(3)), lambda shard, result: None)


def test_error_of_a_node_is_raised_as_it_is() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        if name == "open":
            raise AudiotagError("tiny has no weights")
        return "host"

    ray = FakeRay(answer, [2], np.random.default_rng(0))
    with pytest.raises(AudiotagError, match=r"^tiny has no weights$"):
        ClusterTagging(ray, OPTIONS, print).tag(iter(shards_of(3)), lambda shard, result: None)
    assert ray.dead == set(range(len(ray.actors)))


def test_node_without_the_engine_of_the_others_is_named() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        if name == "open" and arguments[0]:
            raise AudiotagError("AUDIOTAG_ENGINE names openvino, which does not work here: no wheel; unset it.")
        return opened("openvino") if name == "open" else ShardResult() if name == "tag" else f"n{number}"

    ray = FakeRay(answer, [2, 2], np.random.default_rng(0))
    with pytest.raises(AudiotagError) as raised:
        ClusterTagging(ray, OPTIONS, print).tag(iter(shards_of(40)), lambda shard, result: None)
    assert re.match(r"the nodes score with openvino, and the node n[01] cannot: AUDIOTAG_ENGINE ", str(raised.value))
    assert str(raised.value).endswith("no wheel; set it to one that all nodes have, such as torch.")


def test_all_members_of_a_blend_are_opened_with_the_engine_that_the_other_nodes_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_tagger(*arguments: Any, say: Callable[[str], None]) -> Any:
        wanted = os.environ["AUDIOTAG_ENGINE"]
        if wanted == "openvino-bf16":
            raise AudiotagError("the second member does not work with it")
        names = [wanted] * 2 if wanted else ["openvino-bf16", "openvino"]
        return SimpleNamespace(parts=[SimpleNamespace(engine_name=name) for name in names])

    monkeypatch.setattr(opening, "open_tagger", open_tagger)
    monkeypatch.setenv("AUDIOTAG_ENGINE", "")
    monkeypatch.setenv("AUDIOTAG_HOME", os.environ["AUDIOTAG_HOME"])
    actor = cluster_tagging.TagActor(OPTIONS, ".", os.environ["AUDIOTAG_HOME"], 1)
    assert actor.open("", None).engine == "openvino"
    assert [part.engine_name for part in actor._tagger.parts] == ["openvino"] * 2


def test_no_more_actors_are_started_than_there_are_shards() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        return opened(arguments[0]) if name == "open" else ShardResult() if name == "tag" else "host"

    ray = FakeRay(answer, [64, 64], np.random.default_rng(0))
    ClusterTagging(ray, OPTIONS, print).tag(iter(shards_of(3)), lambda shard, result: None)
    assert len(ray.actors) == 3


def test_work_waits_for_nodes_and_uses_those_that_come() -> None:
    def answer(number: int, name: str, *arguments: Any) -> Any:
        return opened(arguments[0]) if name == "open" else ShardResult() if name == "tag" else "host"

    class LateRay(FakeRay):
        looks = 0

        def nodes(self) -> list[dict[str, Any]]:
            self.looks += 1
            self.cpus = [2] * min(2, self.looks // 3)
            return super().nodes()

    ray, committed = LateRay(answer, [], np.random.default_rng(0)), list[int]()
    ClusterTagging(ray, OPTIONS, print).tag(
        iter(shards_of(40)), lambda shard, result: committed.extend(shard.positions)
    )
    assert sorted(committed) == list(range(40))
    assert len(ray.actors) == 2


def test_node_on_which_nothing_begins_is_left_alone() -> None:
    """The first actors are one on each of two nodes; those that are started later are on the second node, and die."""

    def answer(number: int, name: str, *arguments: Any) -> Any:
        if number:
            ray.dead.add(number)
            raise RayError
        return opened(arguments[0]) if name == "open" else ShardResult() if name == "tag" else "host"

    ray, committed = FakeRay(answer, [2, 2], np.random.default_rng(1)), list[int]()
    ray.wait = lambda calls, num_returns, timeout: ([min(calls, key=lambda call: ray.calls[call][0])], [])  # type: ignore[method-assign]
    ClusterTagging(ray, OPTIONS, print).tag(
        iter(shards_of(40)), lambda shard, result: committed.extend(shard.positions)
    )
    assert sorted(committed) == list(range(40))
    assert len(ray.actors) <= 1 + cluster_tagging.MAX_FAILED_STARTS
