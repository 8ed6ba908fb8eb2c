"""Several runs of an attack on the same images at once: few images make small batches, in which processors idle."""

from dataclasses import replace

import torch
from torch import Tensor

from .problem import Problem, Turns
from .search import Search


def together(attack: Search, problem: Problem, runs: int) -> Tensor:
    """Runs from `problem.run` on, as one search: of each live image the outcome that finished it, or the best.

    An image that one of the runs finishes leaves all of them. Each run searches as it would alone.

    Args:
        attack: one that stacks.
        problem: with a `stop`.
        runs: how many; the live images make so many rows each.
    """
    if runs == 1:
        return attack.search(problem).detach()
    live = problem.live.nonzero().squeeze(1)
    n, rows = len(live), live.repeat(runs)
    numbers = problem.run + torch.arange(runs, device=live.device).repeat_interleave(n)
    finished = torch.full_like(live, -1)
    turns = Turns(numbers, torch.zeros_like(numbers, dtype=torch.bool))
    asked = problem.stop
    assert asked is not None

    def stop(logits: Tensor, x_adv: Tensor, at: Tensor) -> Tensor:
        done = asked(logits, x_adv, rows[at])
        finished[at[done] % n] = at[done]
        turns.elsewhere.copy_((finished >= 0).repeat(runs))
        return done

    every = replace(
        problem,
        x=problem.x[rows],
        y=problem.y[rows],
        ball=problem.ball.each(problem.x)[rows],
        live=problem.live[rows],
        stop=stop,
        turns=turns,
        _rivals=[held[rows] for held in problem._rivals],
    )
    found = attack.search(every).detach()
    with torch.no_grad():
        worth = attack.worth(every.forward(found), every.y)
    best = worth.reshape(runs, n).argmax(0) * n + torch.arange(n, device=live.device)
    result = problem.x.clone()
    result[live] = found[torch.where(finished >= 0, finished, best)]
    return result
