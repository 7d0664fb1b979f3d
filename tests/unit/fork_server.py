"""Start processes that have imported training and tagging already, by forking: it saves each the seconds that it takes.

It reads requests from standard input, one JSON object per line, and answers each with one:
``{"run": module, "arguments": […], "log": path, …}`` forks a process that calls the module's ``main``, and gives its
PID; ``{"wait": pid}`` gives its exit status once it has ended. The module ``-c`` is code in the first argument, as for
Python itself. A request may also have ``kill``, the arguments of `kill_itself`, and ``stand_in``, the path of a module
whose ``install`` is called in the process.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import signal
import sys
import traceback
from typing import Any

IMPORTED = (
    "audiotag.training.fold_training",
    "audiotag.training.estimate",
    "audiotag.training.publish",
    "audiotag.cli.bulk_job",
    "audiotag.tagging.tagger",
    "audiotag.tagging.engine_comparison",
    "onnx",
    "onnxruntime",
    "openvino",
)


def kill_itself(module: str, name: str, count: int, word: str) -> None:
    """Have this process killed as a function is called for the ``count``-th time with ``word`` in its arguments."""
    owner = importlib.import_module(module)
    *path, name = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    original, calls = getattr(owner, name), 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        text = f"{arguments}{named}{getattr(arguments[0], 'training', '') if arguments else ''}"
        calls += word in text
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **named)

    setattr(owner, name, call)


def install_stand_in(path: str) -> None:
    """Have a library that was imported already do what a stand-in for it does."""
    spec = importlib.util.spec_from_file_location("stand_in", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()


def run_child(request: dict[str, Any]) -> int:
    """Do what is requested, in the forked process; its exit status."""
    os.setsid()
    for name in [name for name in os.environ if name.startswith("AUDIOTAG_")]:
        del os.environ[name]  # of the test that started this server
    os.environ.update(request["environment"])
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.stdin.close()
    if request.get("kill"):
        kill_itself(*request["kill"])
    if request.get("stand_in"):
        install_stand_in(request["stand_in"])
    try:
        if request["run"] == "-c":
            code, *sys.argv[1:] = request["arguments"]
            exec(code, {"__name__": "__main__"})
        else:
            sys.argv[:] = [request["run"], *request["arguments"]]
            module = importlib.import_module(request["run"])
            module.end_with_parent = lambda parent: None  # type: ignore[attr-defined]  # the parent is this server
            module.main()
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return 0


def main() -> None:
    """Serve requests until standard input is closed."""
    for module in IMPORTED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # forked processes then neither look at what was imported nor copy its pages
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        elif (answer := os.fork()) == 0:
            os._exit(run_child(request))
        print(answer, flush=True)


if __name__ == "__main__":
    main()
