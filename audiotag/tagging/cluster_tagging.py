"""Tag shards on the nodes of a Ray cluster, and give the shards of a process that has ended to another one.

On each node some processes (Ray calls them actors) open the ensemble once and tag one shard after the other: one per
GPU, or one per `CPUS_PER_ACTOR` CPUs where the cluster has no GPU. Each has one shard at hand and one that waits, so
the process that lists the files holds no more than two shards per actor. Nodes may come and go. All actors score with
the same engine, the one that the first of them finds fastest, so a clip's scores do not depend on the node.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from audiotag.errors import AudiotagError
from audiotag.tagging.engine_selection import ENGINE_VARIABLE
from audiotag.tagging.shards import Shard, ShardOptions, ShardResult, tag_shard
from audiotag.tagging.sound_files import SoundFile
from audiotag.workspace import Workspace

CPUS_PER_ACTOR = 8  # at most: threads of one Python process that decode get in each other's way
SHARDS_PER_ACTOR = 2  # one at hand, and one that waits
LOOK_EVERY_S = 2.0  # for nodes that have come
PATIENCE_S = 30.0  # until it is said that no node has a place
MAX_LOSSES = 4  # of one shard
MAX_FAILED_STARTS = 4  # of actors on one node; on all nodes, before any shard is tagged
NO_START = (
    "the processes on the cluster end before they have tagged anything; all nodes need the same versions of Python and "
    "audiotag, and Ray's logs on them say more."
)

HOME = "AUDIOTAG_HOME"


class _OpenedTagger(NamedTuple):
    """What an actor answers when its tagger is open; ``unseen`` is a file that its node does not see, or None."""

    engine: str
    sentences: list[str]
    unseen: Path | None = None


class TagActor:
    """What runs on a node; Ray makes an actor of this class.

    Parameters
    ----------
    options : ShardOptions
    folder : str
        The current folder of the process that lists the files, from which relative paths start.
    home : str
        The workspace of that process; it need not exist on the node.
    cpus : int
        How many it may use.
    """

    def __init__(self, options: ShardOptions, folder: str, home: str, cpus: int) -> None:
        os.environ[HOME] = home
        with suppress(OSError):  # `open` says if the files are not there
            os.chdir(folder)
        self._options, self._cpus = options, cpus

    def node(self) -> str:
        """The name of its node: a sign that it has begun."""
        import socket

        return socket.gethostname()

    def open(self, engine: str, probe: Path | None) -> _OpenedTagger:
        """Open the ensemble.

        Parameters
        ----------
        engine : str
            What must run the networks; empty for the fastest.
        probe : Path or None
            A file that the other machine sees.
        """
        from audiotag.tagging.opening import open_tagger

        if probe is not None and not os.path.exists(probe):
            return _OpenedTagger("", [], probe)
        if engine:
            os.environ[ENGINE_VARIABLE] = engine
        sentences: list[str] = []
        options = self._options
        open_it = partial(open_tagger, options.ensemble, options.settings, options.thresholds, say=sentences.append)
        self._tagger = open_it()
        fastest = list(dict.fromkeys(part.engine_name for part in self._tagger.parts))
        if (
            len(fastest) > 1
        ):  # members of a blend; the other actors get one name, so all members use one engine here too
            for engine in [*fastest, "torch"]:
                os.environ[ENGINE_VARIABLE] = engine
                with suppress(AudiotagError):  # it may be unfit for another member
                    self._tagger = open_it()
                    break
        return _OpenedTagger(self._tagger.parts[0].engine_name, sentences)

    def tag(self, files: list[SoundFile], keys: list[int], isolated: bool) -> ShardResult:
        """Tag a shard, see `audiotag.tagging.shards.tag_shard`."""
        return tag_shard(self._tagger, files, keys, self._options, self._cpus, isolated)


@dataclass(eq=False)
class _Work:
    """A shard, how many processes ended while they had it, and on which nodes."""

    shard: Shard
    losses: int = 0
    lost_on: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Actor:
    handle: Any
    node: str
    host: str = ""
    is_open: bool = False
    calls: list[Any] = field(default_factory=list)


class _Share(NamedTuple):
    """The part of a node that an actor has."""

    cpus: int
    gpus: int


class ClusterTagging:
    """Tags shards on the nodes of a cluster.

    Parameters
    ----------
    ray : module
        Connected, see `audiotag.cluster.connected`.
    options : ShardOptions
    say : callable
        Gets sentences for the user.
    probe : Path, optional
        A file to tag, which each node must see.
    """

    def __init__(self, ray: Any, options: ShardOptions, say: Callable[[str], None], probe: Path | None = None) -> None:
        self._ray, self._options, self._say, self._probe = ray, options, say, probe
        self._engine = os.environ.get(ENGINE_VARIABLE, "")
        self._folders = os.getcwd(), str(Workspace().root)
        self._actors: list[_Actor] = []
        self._calls: dict[Any, tuple[_Actor, Callable[[_Actor, Any], None], _Work | None]] = {}
        self._waiting: deque[_Work] = deque()  # shards that no actor has
        self._is_choosing = False  # whether an actor is looking for the fastest engine
        self._places = 0  # for actors in the cluster
        self._failed_starts = Counter[str]()  # on each node
        self._has_tagged = self._has_complained = False
        self._began = time.monotonic()

    def tag(self, shards: Iterator[Shard], commit: Callable[[Shard, ShardResult], None]) -> None:
        """Tag all shards.

        Parameters
        ----------
        shards : iterator of Shard
            Only so many are taken from it as the actors can have.
        commit : callable
            Gets each shard and its result, in the order in which they are finished; never the same shard twice.

        Raises
        ------
        AudiotagError
            If a node does not see the files or the ensemble, or the processes that have a shard end again and again.
        """
        self._shards, self._commit = shards, commit
        try:
            self._look_for_nodes()
            while self._waiting or self._in_work():
                self._hand_out()
                if self._calls:
                    ready, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=LOOK_EVERY_S)
                    for call in ready:
                        self._take_answer(call)
                else:  # all nodes are gone
                    time.sleep(LOOK_EVERY_S)
                self._fill()
                if time.monotonic() - self._looked >= LOOK_EVERY_S:
                    self._look_for_nodes()
        finally:
            for actor in self._actors:
                self._end(actor)

    def _in_work(self) -> int:
        """How many shards actors have."""
        return sum(work is not None for _, _, work in self._calls.values())

    def _fill(self) -> None:
        """Have as many shards at hand as the cluster's actors can take."""
        while len(self._waiting) + self._in_work() < SHARDS_PER_ACTOR * max(self._places, 1):
            if (shard := next(self._shards, None)) is None:
                return
            self._waiting.append(_Work(shard))

    def _look_for_nodes(self) -> None:
        """Start actors where a node has a place, but no more than there are shards."""
        self._looked = time.monotonic()
        nodes = node_shares(self._ray.nodes())
        shares = {node: of_node for node, of_node in nodes.items() if self._failed_starts[node] < MAX_FAILED_STARTS}
        if nodes and not shares and not self._actors:
            raise AudiotagError(NO_START)
        self._places = sum(map(len, shares.values()))
        self._fill()
        most = len(self._waiting) + self._in_work()
        for node, of_node in shares.items():
            for share in of_node[sum(actor.node == node for actor in self._actors) :]:
                if len(self._actors) >= most:
                    break
                strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
                needs = {"num_cpus": share.cpus, "num_gpus": share.gpus, "scheduling_strategy": strategy}
                handle = self._ray.remote(TagActor).options(**needs).remote(self._options, *self._folders, share.cpus)
                self._actors.append(actor := _Actor(handle, node))
                self._call(actor, self._has_begun, handle.node.remote())
        self._complain_if_nothing_runs()

    def _complain_if_nothing_runs(self) -> None:
        is_waiting = not any(actor.host for actor in self._actors) and time.monotonic() - self._began > PATIENCE_S
        if is_waiting and not self._has_complained:
            self._has_complained = True
            self._say("No node of the cluster has a place yet; the work begins as soon as one has.")

    def _call(self, actor: _Actor, then: Callable[[_Actor, Any], None], call: Any, work: _Work | None = None) -> None:
        actor.calls.append(call)
        self._calls[call] = actor, then, work

    def _has_begun(self, actor: _Actor, host: str) -> None:
        actor.host = host

    def _hand_out(self) -> None:
        """Give shards to actors that are open, and have the others open the ensemble."""
        for actor in self._actors:
            if actor.host and not actor.is_open and not actor.calls and not self._is_choosing:
                self._is_choosing = not self._engine
                self._call(actor, self._has_opened, actor.handle.open.remote(self._engine, self._probe))
        for _ in range(SHARDS_PER_ACTOR):  # in turns, so that none waits while another one has two
            for actor in [actor for actor in self._actors if actor.is_open]:
                if len(actor.calls) < SHARDS_PER_ACTOR and (work := self._next_for(actor)):
                    files, keys, _ = work.shard
                    call = actor.handle.tag.remote(files, keys, work.losses > 0)
                    self._call(actor, partial(self._has_done, work), call, work)

    def _next_for(self, actor: _Actor) -> _Work | None:
        """The next shard; one that was lost is left to other nodes, as long as there are some that have not lost it.

        Ray says only after some seconds that a node has died, and each of its processes would lose the shard again.
        """
        nodes = {each.node for each in self._actors if each.host}
        for work in self._waiting:
            if actor.node not in work.lost_on or nodes <= work.lost_on:
                self._waiting.remove(work)
                return work
        return None

    def _has_opened(self, actor: _Actor, opened: _OpenedTagger) -> None:
        if opened.unseen is not None:
            raise AudiotagError(
                f"the node {actor.host} does not see {opened.unseen}; all nodes must have the sounds and the "
                "workspace in the same folders, as on a shared file system."
            )
        self._is_choosing = False
        for sentence in opened.sentences if not self._engine else ():
            self._say(sentence)
        self._engine, actor.is_open = opened.engine, True

    def _has_done(self, work: _Work, actor: _Actor, result: ShardResult) -> None:
        self._has_tagged = True
        self._commit(work.shard, result)

    def _take_answer(self, call: Any) -> None:
        if call not in self._calls:  # of an actor that has ended
            return
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(call)
        except errors.RayTaskError as error:  # raised by our own code
            cause, (actor, then, _) = error.cause, self._calls[call]
            if then == self._has_opened and self._engine and ENGINE_VARIABLE in str(cause):
                raise AudiotagError(
                    f"the nodes score with {self._engine}, and the node {actor.host} cannot: "
                    f"{str(cause).removesuffix('unset it.')}set it to one that all nodes have, such as torch."
                ) from None
            raise (cause if isinstance(cause, Exception) else error) from None
        except errors.RayError:  # the actor or its node has ended, or the result went with it
            self._lose(self._calls[call][0])
            return
        actor, then, _ = self._calls.pop(call)
        actor.calls.remove(call)
        then(actor, answer)

    def _end(self, actor: _Actor) -> None:
        with suppress(Exception):  # whatever Ray says: it has ended, or the connection has
            self._ray.kill(actor.handle)

    def _lose(self, actor: _Actor) -> None:
        """An actor has ended, and with it those of its node if that has ended too: what they had waits for others."""
        if not actor.is_open:
            self._failed_starts[actor.node] += 1
            if not self._has_tagged and self._failed_starts.total() >= MAX_FAILED_STARTS:
                raise AudiotagError(NO_START)
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        for ended in [each for each in self._actors if each is actor or each.node not in alive]:
            self._take_back(ended)

    def _take_back(self, actor: _Actor) -> None:
        """Have what an actor that has ended had wait for another one."""
        self._actors.remove(actor)
        self._end(actor)  # it may only be out of reach
        lost = [work for call in actor.calls if (work := self._calls.pop(call)[2])]
        if not actor.is_open and actor.host:
            self._is_choosing = False
        for work in reversed(lost):
            work.losses += 1
            work.lost_on.add(actor.node)
            if work.losses >= MAX_LOSSES:
                first, count = work.shard.files[0].clip, len(work.shard.files)
                clips = f"the clips from {first} on ({count:,})" if count > 1 else first
                raise AudiotagError(
                    f"{work.losses} processes on the cluster ended while they tagged {clips}; Ray's logs on its nodes "
                    "say why. What was tagged before is kept: the same command resumes."
                )
            self._waiting.appendleft(work)


def node_shares(nodes: list[dict[str, Any]]) -> dict[str, list[_Share]]:
    """How the nodes of a cluster are divided among actors, by the ID of the node.

    Parameters
    ----------
    nodes : list of dict
        As `ray.nodes` gives them.

    Examples
    --------
    >>> small, large = {"CPU": 2.0}, {"CPU": 20.0}
    >>> node_shares([{"NodeID": "a", "Alive": True, "Resources": large}])
    {'a': [_Share(cpus=6, gpus=0), _Share(cpus=6, gpus=0), _Share(cpus=6, gpus=0)]}
    >>> node_shares([{"NodeID": "b", "Alive": True, "Resources": small | {"GPU": 1.0}},
    ...              {"NodeID": "c", "Alive": True, "Resources": large}])
    {'b': [_Share(cpus=2, gpus=1)]}
    """
    alive = [(node["NodeID"], node["Resources"]) for node in nodes if node["Alive"]]
    has_gpus = any(resources.get("GPU", 0) >= 1 for _, resources in alive)
    shares = {}
    for node, resources in alive:
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        count = min(gpus, cpus) if has_gpus else -(-cpus // CPUS_PER_ACTOR)
        if count:
            shares[node] = [_Share(cpus // count, int(has_gpus))] * count
    return shares
