"""Measure what embeddings cost, and how fast the nearest clips are found: ``python benchmarks/embedding.py PART…``.

cost
    Tags the same clips alone and with embeddings that are written into a store, in turns, and prints the ratio of the
    times of each round.
folder
    Embeds a folder of 25,000 links to the clips by `audiotag embed`'s own pass, in a process of its own: once so that
    links are copies of sounds, and for ``--new`` of them so that each is a sound of its own. Prints clips per second
    and the largest memory.
search
    Stores, reads and searches 25,000 and 200,000 vectors, with ``--million`` also 1,000,000: real ones, mixed in pairs
    and perturbed. Exact search by bounds is compared with a plain product of all vectors, and the graph with exact
    search.

Clips are those of ESC-10 beside the repository, or of ``--sounds FOLDER``.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from timing import shortest_seconds

from audiotag.similarity import embedding
from audiotag.similarity.bounded_search import BoundedSearch, main_directions, products
from audiotag.similarity.embedding import EmbeddingWriter, embed_files
from audiotag.similarity.embedding_store import EmbeddingStore, NewSound
from audiotag.similarity.graph_search import GraphSearch
from audiotag.similarity.vectors import clip_vector, fused
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.sound_files import SoundFile, sound_files
from audiotag.tagging.tagger import Tagger

ESC10 = Path(__file__).parents[2] / "shared" / "data" / "esc10" / "audio"
FOLDS = 5
LINKS = 25_000
QUERIES = 40
MIB = 1 << 20


def main() -> None:
    """Do the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=("cost", "folder", "search", "pass"))
    parser.add_argument("--sounds", type=Path, default=ESC10)
    parser.add_argument("--clips", type=int, default=160, help="for cost and search (default: 160)")
    parser.add_argument("--rounds", type=int, default=5, help="for cost (default: 5)")
    parser.add_argument("--new", type=int, default=1000, help="links that are embedded each (default: 1000)")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)  # for pass, which folder starts
    options = parser.parse_args()
    files = list(sound_files([options.sounds]))
    with tempfile.TemporaryDirectory(prefix="audiotag-benchmark-") as folder:
        for part in options.parts:
            if part == "cost":
                measure_cost(files[: options.clips], options.rounds, Path(folder))
            elif part == "folder":
                measure_folder(files, options.new, Path(folder))
            elif part == "search":
                sizes = [25_000, 200_000, *([1_000_000] if options.million else [])]
                measure_search(files[: options.clips], sizes, Path(folder))
            else:
                one_pass(files, options.store)


def measure_cost(files: Sequence[SoundFile], rounds: int, folder: Path) -> None:
    """Print how much longer tagging takes if embeddings are stored."""
    alone, keeping = Tagger("starter"), Tagger("starter", keep_embeddings=True)
    ratios = []

    def tag_alone(number: int) -> None:
        for _ in tag_files(alone, files):
            pass

    def tag_and_store(number: int) -> None:
        with EmbeddingWriter(EmbeddingStore(folder / f"cost-{number}")) as writer:
            for result in tag_files(keeping, files):
                writer.add(result)

    ways = [tag_alone, tag_and_store]
    for way in ways:
        way(-1)
    for number in range(rounds):
        seconds = {way: timed(partial(way, number)) for way in ways}
        ratios.append([seconds[tag_and_store][kind] / seconds[tag_alone][kind] for kind in (0, 1)])
        ways.reverse()
        print(f"round {number + 1}: {ratios[-1][0]:.3f} times as long, {ratios[-1][1]:.3f} times the processor time")
    elapsed, processor = np.median(ratios, axis=0)
    print(f"{len(files)} clips, median: {elapsed:.3f} times as long, {processor:.3f} times the processor time")


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Elapsed and processor time in seconds."""
    began, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - processor


def measure_folder(files: Sequence[SoundFile], new: int, folder: Path) -> None:
    """Embed folders of links in processes of their own."""
    for name, count, is_new in (("copies", LINKS, ""), ("new sounds", new, "1")):
        links = folder / name.replace(" ", "-")
        links.mkdir()
        for number in range(count):
            path = files[number % len(files)].path
            os.symlink(path.resolve(), links / f"{number:05}{path.suffix}")
        command = [sys.executable, __file__, "pass", "--sounds", str(links), "--store", str(folder / f"{name}-store")]
        environment = os.environ | {"BENCHMARK_NEW": is_new}
        for what in ("first pass", "second pass"):
            print(f"{count:,} links as {name}, {what}: ", end="", flush=True)
            subprocess.run(command, env=environment, check=True)


def one_pass(files: Sequence[SoundFile], store: Path) -> None:
    """Embed files and print how fast; each path is a sound of its own if the environment says so."""
    if os.environ.get("BENCHMARK_NEW"):
        embedding.sound_key = lambda path: hash(str(path)) & (2**63 - 1) or 1
    tagger = Tagger("starter", keep_embeddings=True)
    writer = EmbeddingWriter(EmbeddingStore(store))

    def embed() -> None:
        with writer:
            for _ in embed_files(lambda: tagger, writer, files):
                pass

    elapsed, processor = timed(embed)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{elapsed:.1f} s ({len(files) / elapsed:,.0f} clips per second, {processor:.1f} s of processor time), "
        f"{writer.known:,} not embedded again, {memory:,.0f} MiB at most",
        flush=True,
    )


def measure_search(files: Sequence[SoundFile], sizes: Sequence[int], folder: Path) -> None:
    """Print times of storing, opening and searching, and how many neighbours are found."""
    tagger = Tagger("starter", keep_embeddings=True)
    found = [result.tags.embeddings for result in tag_files(tagger, files) if result.tags]
    real = np.array([clip_vector(embeddings) for embeddings in found if embeddings is not None])
    for size in sizes:
        vectors = perturbed(real, size)
        queries = perturbed(real, QUERIES, seed=1)
        print(f"\n{size:,} vectors of {vectors.shape[1]} numbers, {vectors.nbytes / MIB:,.0f} MiB")
        if size == LINKS:
            measure_store(vectors, EmbeddingStore(folder / "store"))
        expected = measure_exact(vectors, queries)
        print_recall("product with the 128 main directions, 500 compared", projected_only(vectors, queries), expected)
        if size > LINKS:
            measure_graph(vectors, queries, expected)


def perturbed(real: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Vectors like those of other clips: a real one mixed with another, each number changed by about 30 %."""
    rng = np.random.default_rng(seed)
    features = real.reshape(len(real), FOLDS, -1)
    vectors = np.empty((count, real.shape[1]), np.float16)
    for first in range(0, count, 10_000):
        size = min(10_000, count - first)
        one, other = features[rng.integers(len(real), size=(2, size))]
        share = (rng.random((size, 1, 1), dtype=np.float32)) ** 2 / 2
        noise = np.exp(0.3 * rng.standard_normal(one.shape, dtype=np.float32))
        vectors[first : first + size] = fused(((1 - share) * one + share * other) * noise)
    return vectors


def measure_store(vectors: np.ndarray, store: EmbeddingStore) -> None:
    """Write the vectors as a job does, in parts of 100; merge, open and read them."""
    keys = np.arange(1, len(vectors) + 1, dtype=np.uint64)
    for first in range(0, len(vectors), 100):
        block = range(first, min(first + 100, len(vectors)))
        store.add([NewSound(int(keys[row]), int(keys[row]), 0, np.zeros(1), vectors[row : row + 1]) for row in block])
    for state in (f"{len(store.parts())} parts", "merged"):
        stored = store.open()
        works = (store.open, partial(stored.find, keys), partial(stored.find, keys[::100]))
        opened, read, few = (1000 * seconds for seconds in shortest_seconds(*works))
        print(f"{state}: opened in {opened:.0f} ms, all read in {read:.0f} ms, 1 % in {few:.1f} ms", flush=True)
        if state != "merged":
            merged, _ = timed(store.merge)
            print(f"merged in {merged:.2f} s into {len(store.parts())} parts")


def measure_exact(vectors: np.ndarray, queries: np.ndarray) -> list[np.ndarray]:
    """Time exact search, and check it against all products."""
    began = time.perf_counter()
    search = BoundedSearch(vectors)
    print(f"exact search prepared in {time.perf_counter() - began:.1f} s")
    found = print_times("exact search", lambda query: search.find(query, 10, []), queries)
    every = np.arange(len(vectors))
    for query, rows in zip(queries[:5], found, strict=False):
        similarity = products(vectors, every, query.astype(np.float32))
        np.testing.assert_allclose(similarity[rows], np.sort(similarity)[::-1][:10], atol=1e-5)
    plain, _ = timed(lambda: products(vectors, every, queries[0].astype(np.float32)))
    print(f"product with all vectors, from 16 bits: {1000 * plain:.0f} ms")
    return found


def projected_only(vectors: np.ndarray, queries: np.ndarray) -> list[np.ndarray]:
    """What would be found if only the 500 best by the main directions were compared, without bounds."""
    basis = main_directions(vectors)
    firsts = range(0, len(vectors), 10_000)
    compact = np.concatenate([vectors[at : at + 10_000].astype(np.float32) @ basis for at in firsts])
    found = []
    for query in queries.astype(np.float32):
        rows = np.argpartition(-(compact @ (query @ basis)), 500)[:500]
        found.append(rows[np.argsort(-products(vectors, rows, query))[:10]])
    return found


def measure_graph(vectors: np.ndarray, queries: np.ndarray, expected: list[np.ndarray]) -> None:
    """Time the graph, and count what it misses."""
    began = time.perf_counter()
    search = GraphSearch.build(vectors)
    print(f"graph built in {time.perf_counter() - began:.0f} s, {search.memory_bytes / MIB:,.0f} MiB")
    found = print_times("graph", lambda query: search.find(query, 10, []), queries)
    print_recall("graph", found, expected)


def print_times(
    name: str, find: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], queries: np.ndarray
) -> list[np.ndarray]:
    """Time one search per query; returns the rows found."""
    find(queries[0])
    elapsed, processor, found = [], [], []
    for query in queries:
        began, used = time.perf_counter(), time.process_time()
        rows, _ = find(query)
        elapsed.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - used))
        found.append(rows)
    print(
        f"{name}: median {np.median(elapsed):.1f} ms, shortest {min(elapsed):.1f}, longest {max(elapsed):.1f}; "
        f"processor time {np.median(processor):.1f} ms",
        flush=True,
    )
    return found


def print_recall(name: str, found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Print the share of the ten nearest that was found."""
    shares = [len(set(one) & set(other)) / len(other) for one, other in zip(found, expected, strict=True)]
    print(f"{name}: {np.mean(shares):.1%} of the ten nearest found, at least {min(shares):.0%}")


if __name__ == "__main__":
    main()
