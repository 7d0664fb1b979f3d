"""A Ray cluster of real processes on this machine: a head with one CPU, and a node with one that can be killed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

OBJECT_STORE_BYTES = 80 * 2**20
START_TIMEOUT_S = "150"  # on a busy machine


class RayNodes:
    """The cluster; start it once for all tests, and `restore` it before each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._node = {"object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False, "num_cpus": 1}
        self._cluster = Cluster(initialize_head=True, head_node_args=self._node)
        self.address: str = self._cluster.address

    def restore(self) -> None:
        """Start the second node, if it was killed."""
        if not self._cluster.worker_nodes:
            self._cluster.add_node(**self._node)

    def second_node_runs(self, word: str) -> bool:
        """Whether the second node has a process with this word in its command line."""
        (node,) = self._cluster.worker_nodes
        for started in node.all_processes["raylet"]:
            for process in psutil.Process(started.process.pid).children(recursive=True):
                try:
                    if word in process.cmdline():
                        return True
                except psutil.NoSuchProcess:
                    continue
        return False

    def kill_second_node(self) -> None:
        """Kill all processes of the second node at once."""
        (node,) = self._cluster.worker_nodes
        self._cluster.remove_node(node, allow_graceful=False)

    def shut_down(self) -> None:
        """End all processes."""
        self._cluster.shutdown()


@contextmanager
def start_ray_nodes() -> Iterator[RayNodes]:
    """Run the cluster, with its files in a temporary folder whose path is short enough for Ray's sockets."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", START_TIMEOUT_S)  # read as Ray is imported
        patch.delenv("RAY_ADDRESS", raising=False)
        nodes = RayNodes()
        stack.callback(nodes.shut_down)
        yield nodes
