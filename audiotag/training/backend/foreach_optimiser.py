"""fastai's optimisers for a GPU: the same steps, for all weights of a network in a few kernels instead of one by one.

fastai loops over the weights in Python and starts about ten kernels for each: more than 1,500 for a step of XResNet-50,
which has 169 weights. torch's foreach functions take lists of tensors. Arithmetic, order of operations and the form of
the state are fastai's, so a checkpoint of one can be resumed with the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from fastai.optimizer import Lookahead, Optimizer, adam_step, debias, l2_reg, radam_step, weight_decay

LAST_PLAIN_LENGTH = 5  # RAdam: up to this length of its moving average the step is one of plain momentum


class Group(NamedTuple):
    """Weights that take the same step.

    Attributes
    ----------
    params, grads, averages, squares : list of torch.Tensor
        Weights, gradients, and the moving averages of gradients and of their squares.
    decayed : list of int
        Places of the weights to which weight decay applies.
    hyper : dict
        fastai's hyper-parameters, and the number of the ``step``.
    """

    params: list[torch.Tensor]
    grads: list[torch.Tensor]
    averages: list[torch.Tensor]
    squares: list[torch.Tensor]
    decayed: list[int]
    hyper: dict[str, Any]


class ForeachOptimiser(Optimizer):
    """fastai's ``Adam`` or ``RAdam``, whose callbacks it takes the steps of, with torch's foreach functions.

    Parameters
    ----------
    optimiser : fastai.optimizer.Optimizer
        From `fastai.optimizer.Adam` or `fastai.optimizer.RAdam`, before its first step.
    """

    def __init__(self, optimiser: Optimizer) -> None:
        self.__dict__.update(optimiser.__dict__)
        functions = [step.func if isinstance(step, partial) else step for step in self.cbs]
        self._decay, self._step = functions[0], functions[-1]
        if self._decay not in (weight_decay, l2_reg) or self._step not in (adam_step, radam_step):
            raise ValueError(f"no foreach version of an optimiser that ends with {self._step.__name__}")

    def zero_grad(self) -> None:
        """Forget the gradients; fastai sets each to zeros, which is a kernel per weight and one more to add to them."""
        for parameters in self.param_lists:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Take one step."""
        for group in self._groups():
            self._decay_weights(group)
            _update_averages(group)
            (_adam_step if self._step is adam_step else _radam_step)(group)

    def _groups(self) -> Iterator[Group]:
        groups: dict[tuple[int, int], Group] = {}
        for number, (parameters, hyper) in enumerate(zip(self.param_lists, self.hypers, strict=True)):
            for parameter in parameters:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "grad_avg" not in state:
                    state |= {"grad_avg": torch.zeros_like(parameter), "sqr_avg": torch.zeros_like(parameter)}
                state["step"] = step = state.get("step", 0) + 1
                if (number, step) not in groups:
                    groups[number, step] = Group([], [], [], [], [], {**hyper, "step": step})
                group = groups[number, step]
                if state.get("do_wd", True):
                    group.decayed.append(len(group.params))
                group.params.append(parameter)
                group.grads.append(_laid_out_as(parameter.grad, parameter))
                group.averages.append(state["grad_avg"])
                group.squares.append(state["sqr_avg"])
        yield from groups.values()

    def _decay_weights(self, group: Group) -> None:
        share, lr = group.hyper["wd"], group.hyper["lr"]
        params = [group.params[place] for place in group.decayed]
        if not share or not params:
            return
        if self._decay is weight_decay:
            torch._foreach_mul_(params, 1 - lr * share)
        else:
            torch._foreach_add_([group.grads[place] for place in group.decayed], params, alpha=share)


class ForeachLookahead(Lookahead):
    """fastai's ``Lookahead`` around a `ForeachOptimiser`; parameters as fastai's."""

    def step(self, closure: None = None) -> None:
        """Take one step; every ``k``-th moves the slow weights."""
        if self.slow_weights is None:
            self._copy_weights()
        self.opt.step()
        self.count += 1
        if self.count % self.k:
            return
        with torch.no_grad():
            for slow, fast in zip(self.slow_weights, self.param_lists, strict=True):
                slow, fast = list(slow), list(fast)
                torch._foreach_add_(slow, torch._foreach_sub(fast, slow), alpha=self.alpha)
                torch._foreach_copy_(fast, slow)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.opt.zero_grad()


def with_foreach(optimiser: Optimizer | Lookahead) -> Optimizer | Lookahead:
    """The same optimiser with torch's foreach functions, before its first step."""
    if isinstance(optimiser, Lookahead):
        return ForeachLookahead(ForeachOptimiser(optimiser.opt), optimiser.k, optimiser.alpha)
    return ForeachOptimiser(optimiser)


def _laid_out_as(grad: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """The gradient in the memory format of its weight: torch takes weights one by one if a single one differs."""
    return grad if grad.stride() == parameter.stride() else torch.empty_like(parameter).copy_(grad)


def _update_averages(group: Group) -> None:
    mom, sqr_mom = group.hyper["mom"], group.hyper["sqr_mom"]
    torch._foreach_mul_(group.averages, mom)
    torch._foreach_add_(group.averages, group.grads, alpha=1 - mom)
    torch._foreach_mul_(group.squares, sqr_mom)
    torch._foreach_addcmul_(group.squares, group.grads, group.grads, value=1 - sqr_mom)


def _adam_step(group: Group) -> None:
    hyper = group.hyper
    momentum_bias = debias(hyper["mom"], 1 - hyper["mom"], hyper["step"])
    deviations = _deviations(group)
    torch._foreach_add_(deviations, hyper["eps"])
    torch._foreach_addcdiv_(group.params, group.averages, deviations, value=-hyper["lr"] / momentum_bias)


def _radam_step(group: Group) -> None:
    """Rectified Adam (Liu et al. 2020, algorithm 2), as fastai computes it."""
    hyper = group.hyper
    sqr_mom, step = hyper["sqr_mom"], hyper["step"]
    momentum_bias = debias(hyper["mom"], 1 - hyper["mom"], step)
    longest = 2 / (1 - sqr_mom) - 1
    length = longest - 2 * step * sqr_mom**step / (1 - sqr_mom**step)
    if length <= LAST_PLAIN_LENGTH:
        torch._foreach_add_(group.params, group.averages, alpha=-hyper["lr"] / momentum_bias)
        return
    top, bottom = (length - 4) * (length - 2) * longest, (longest - 4) * (longest - 2) * length
    deviations = _deviations(group)
    torch._foreach_add_(deviations, hyper["eps"])
    rate = hyper["lr"] * math.sqrt(top / bottom) / momentum_bias
    torch._foreach_addcdiv_(group.params, group.averages, deviations, value=-rate)


def _deviations(group: Group) -> list[torch.Tensor]:
    """Square roots of the averages of squares, without the bias of their start at zero."""
    sqr_mom, step = group.hyper["sqr_mom"], group.hyper["step"]
    deviations = torch._foreach_div(group.squares, debias(sqr_mom, 1 - sqr_mom, step))
    torch._foreach_sqrt_(deviations)
    return list(deviations)
