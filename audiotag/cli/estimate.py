"""The command ``audiotag estimate``: how long a training would take."""

from __future__ import annotations

import argparse
import time

from audiotag.cli.exit_codes import ALL_DONE
from audiotag.cli.printing import print_json, print_line, say
from audiotag.cli.progress import preparation_lines
from audiotag.cli.train import run_options_of
from audiotag.errors import AudiotagError
from audiotag.workspace import Workspace

POLL_S = 0.5


def estimate(options: argparse.Namespace) -> int:
    """Measure a few batches, and print how long the training would take."""
    from audiotag.training.devices import check_device
    from audiotag.training.estimate import Estimate, describe_cost
    from audiotag.training.run_blocking import run_notes
    from audiotag.training.shorter_runs import describe_shorter
    from audiotag.wording import format_duration

    workspace = Workspace()
    with preparation_lines() as show:
        for sentence in run_notes(run_options_of(options), workspace, show):
            say(sentence)
        estimated = Estimate.of(run_options_of(options).settings(workspace), workspace)
        estimated.start(rates=options.rates)
        while estimated.is_active():
            if preparing := estimated.preparing():
                show(preparing.step, preparing.done, preparing.total)
            time.sleep(POLL_S)
    result = estimated.result()
    if estimated.problem() or result is None:
        raise AudiotagError(estimated.problem() or "the measurement was interrupted; try again.")
    if options.json:
        print_json(result)
        return ALL_DONE
    batches = ", ".join(f"{count} of {s:.3g} s" for count, s in zip(result["batches"], result["batch_s"], strict=True))
    packing_s = result.get("packing_s", 0.0)
    packing = f", {format_duration(packing_s)} of it to pack the waveforms once" if packing_s else ""
    print_line(f"about {format_duration(result['total_s'])}{packing}; batches per epoch: {batches}")
    if cost := describe_cost(result):
        print_line(cost)
    on_cpu = check_device(estimated.settings.device)[0] == "cpu"
    if advice := describe_shorter(result, estimated.settings.recipe.name, on_cpu):
        print_line(advice)
    if options.rates:
        suggested = result["suggested_lr"]
        advice = f"about {suggested:.1e}" if suggested else "no suggestion, because the loss did not fall"
        print_line(f"learning rate: {advice}; the recipe's is {result['lr']:g}")
    return ALL_DONE
