"""Tag on a Ray cluster of two nodes, one of which is killed: ``python benchmarks/cluster_tagging.py [FOLDER …]``.

Clips are hard links to the sounds of the folders (default: ESC-10 and kitchen20 beside the repository). Both nodes are
simulated on this machine (`ray.cluster_utils.Cluster`: real processes), each with half of its cores. The script prints

- the time per clip of tagging on this machine, and on one node with all cores of the machine by ``--on``, without what
  is needed only once (start of Python and of Ray, opening of the ensemble), so that the difference is what sharding,
  sending and committing cost;
- whether the file that two nodes give, of which one is killed in the middle, is that of this machine, byte for byte;
  how often each clip was committed, and how many shards were tagged again.

``--clips`` is the number of clips (10,000), ``--ensemble`` what tags them (starter), ``--folds 1`` one of its networks.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from audiotag.audio.opening import SUFFIXES
from audiotag.cli.arguments import fold_numbers
from audiotag.cli.main import main as audiotag
from audiotag.cluster import connected
from audiotag.processors import usable_cpus
from audiotag.tagging.bulk import FileResult, tag_files
from audiotag.tagging.cluster_tagging import ClusterTagging
from audiotag.tagging.ensemble import find_ensemble
from audiotag.tagging.export.base import ExportOptions
from audiotag.tagging.journal import Journal
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.shards import Shard, ShardOptions, ShardResult, cut_shards
from audiotag.tagging.sound_files import sound_files

DATA = Path(__file__).parents[2] / "shared" / "data"
OBJECT_STORE_BYTES = 80 << 20
OVERHEAD_CLIPS = 2048  # four shards


def link_clips(folders: Sequence[Path], to: Path, clips: int) -> Path:
    """A folder with this number of clips, hard links to the sounds of other folders (copies on another disk)."""
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    to.mkdir(parents=True)
    first_links: dict[Path, Path] = {}
    for number, path in zip(range(clips), itertools.cycle(found), strict=False):
        link = to / f"{number:06}{path.suffix}"
        if path not in first_links:
            try:
                os.link(path, link)
            except OSError:
                link.write_bytes(path.read_bytes())
            first_links[path] = link
        else:
            os.link(first_links[path], link)
    return to


def run(*arguments: object) -> int:
    """Run a command in this process; its exit status."""
    try:
        audiotag([str(argument) for argument in arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def start_cluster(nodes: Sequence[int]) -> Any:
    """A cluster whose head has no CPU, and nodes with so many."""
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"num_cpus": 0})
    for cpus in nodes:
        cluster.add_node(num_cpus=cpus, **node)
    cluster.wait_for_nodes()
    return cluster


def measure_overhead(folder: Path, ensemble: str, settings: TagSettings, scratch: Path) -> None:
    """Print the time per clip here and on one node with the same cores, both with an open tagger, in turns."""
    files = list(itertools.islice(sound_files([folder]), OVERHEAD_CLIPS))
    tagger = open_tagger(ensemble, settings)
    os.environ["AUDIOTAG_ENGINE"] = tagger.parts[0].engine_name
    export = ExportOptions(tagger.card.labels, tagger.thresholds)
    options = ShardOptions(find_ensemble(ensemble).absolute(), settings, tagger.thresholds, export)
    local_s, remote_s = [], []
    cluster = start_cluster([usable_cpus()])
    try:
        with connected(cluster.address) as ray:
            for turn in range(2):
                began = time.perf_counter()
                with closing(tag_files(tagger, files)) as results:
                    for result in results:
                        assert isinstance(result, FileResult)
                local_s.append(time.perf_counter() - began)
                ends: list[float] = []

                def commit(shard: Shard, result: ShardResult, ends: list[float] = ends) -> None:
                    journal.commit(shard.positions, result.part)
                    ends.append(time.perf_counter())

                with Journal(scratch / f"overhead-{turn}.csv", {}, print) as journal:
                    ClusterTagging(ray, options, print).tag(cut_shards(journal, files), commit)
                    journal.remove()
                # From the first commit on, when the actor has begun and opened its tagger.
                remote_s.append((ends[-1] - ends[0]) * len(ends) / (len(ends) - 1))
    finally:
        cluster.shutdown()
        del os.environ["AUDIOTAG_ENGINE"]
    local_ms, remote_ms = (1000 * min(times) / len(files) for times in (local_s, remote_s))
    print(
        f"{len(files):,} clips, {usable_cpus()} cores: {local_ms:.2f} ms per clip here, {remote_ms:.2f} ms on one node "
        f"of Ray ({100 * (remote_ms / local_ms - 1):+.1f} %); all turns {local_s} and {remote_s} s",
        flush=True,
    )


def tag_with_a_kill(command: Sequence[object], out: Path, clips: int) -> None:
    """Tag over two nodes; kill one when a quarter of the clips is committed."""
    share = max(1, usable_cpus() // 2)
    cluster = start_cluster([share, share])
    committed, losses = Counter[int](), 0
    commit, take_back = Journal.commit, ClusterTagging._take_back

    def counting(self: Journal, positions: Sequence[int], part: bytes) -> None:
        commit(self, positions, part)
        was, now = len(committed), len(committed) + len(positions)
        committed.update(positions)
        if was < clips / 4 <= now:
            cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
            print(f"killed one of two nodes after {now:,} clips", flush=True)

    def lost(self: ClusterTagging, actor: Any) -> None:
        nonlocal losses
        losses += sum(self._calls[call][2] is not None for call in actor.calls)
        take_back(self, actor)

    Journal.commit, ClusterTagging._take_back = counting, lost  # type: ignore[method-assign]
    try:
        began = time.perf_counter()
        status = run(*command, "--out", out, "--on", cluster.address)
        print(f"two nodes, one killed: {time.perf_counter() - began:.0f} s, exit status {status}")
    finally:
        Journal.commit, ClusterTagging._take_back = commit, take_back  # type: ignore[method-assign]
        cluster.shutdown()
    print(
        f"{len(committed):,} of {clips:,} clips were committed, each {min(committed.values())} to "
        f"{max(committed.values())} times; {losses} shards that the node had were given to the other one"
    )


def main() -> None:
    """Link the clips, then measure and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of sounds")
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--ensemble", default="starter")
    parser.add_argument("--folds", type=fold_numbers, default=())
    parser.add_argument("--no-overhead", action="store_true", help="leave out the first part")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="audiotag-cluster-") as temporary:
        scratch = Path(temporary)
        os.environ.setdefault("AUDIOTAG_HOME", str(scratch / "workspace"))
        folder = link_clips(options.folders or [DATA / "esc10", DATA / "kitchen20"], scratch / "clips", options.clips)
        command: list[object] = ["tag", folder, "--ensemble", options.ensemble, "--overlap", "0"]
        if options.folds:
            command += ["--folds", ",".join(map(str, options.folds))]
        if not options.no_overhead:
            settings = TagSettings(overlap=0, folds=options.folds)
            measure_overhead(folder, options.ensemble, settings, scratch)
        began = time.perf_counter()
        status = run(*command, "--out", scratch / "here.csv")
        print(f"this machine: {time.perf_counter() - began:.0f} s, exit status {status}", flush=True)
        tag_with_a_kill(command, scratch / "cluster.csv", options.clips)
        here, there = ((scratch / name).read_bytes() for name in ("here.csv", "cluster.csv"))
        print(f"the files are {'equal, byte for byte' if here == there else 'DIFFERENT'}: {len(here):,} bytes")


if __name__ == "__main__":
    main()
