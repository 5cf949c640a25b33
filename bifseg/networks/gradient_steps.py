"""The gradient steps of a training: stochastic gradient descent with momentum, or Adam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from bifseg.cards.training import TrainingCard


class GradientSteps:
    """The parameters of a network, and what the steps so far have left for the next one.

    The steps are those of `torch.optim.SGD` and `torch.optim.Adam`. Making one of these imports the compiler of torch,
    which takes as long as importing torch.

    Args:
        parameters: to be changed; one without a gradient stays as it is.
        settings: optimizer, momentum and weight decay.
    """

    def __init__(self, parameters: Iterable[Tensor], settings: TrainingCard) -> None:
        self._parameters, self._settings = list(parameters), settings
        self._velocities: dict[int, Tensor | None] = {}
        self._moments: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    @torch.no_grad()
    def take(self, learning_rate: float) -> None:
        """Change the parameters by their gradients, and forget the gradients.

        Args:
            learning_rate: size of the step.
        """
        changed = {k: p for k, p in enumerate(self._parameters) if p.grad is not None}
        gradients = [p.grad for p in changed.values() if p.grad is not None]
        if self._settings.optimizer == "sgd":
            velocities = [self._velocities.get(k) for k in changed]
            sgd(
                list(changed.values()),
                gradients,
                velocities,
                lr=learning_rate,
                weight_decay=self._settings.weight_decay,
                momentum=self._settings.momentum,
                dampening=0.0,
                nesterov=False,
                maximize=False,
            )
            self._velocities |= dict(zip(changed, velocities, strict=True))
        else:
            for k, p in changed.items():
                self._moments.setdefault(k, (torch.zeros_like(p), torch.zeros_like(p), torch.tensor(0.0)))
            adam(
                list(changed.values()),
                gradients,
                exp_avgs=[self._moments[k][0] for k in changed],
                exp_avg_sqs=[self._moments[k][1] for k in changed],
                max_exp_avg_sqs=[],
                state_steps=[self._moments[k][2] for k in changed],
                lr=learning_rate,
                weight_decay=self._settings.weight_decay,
                beta1=0.9,
                beta2=0.999,
                eps=1e-8,
                amsgrad=False,
                maximize=False,
            )
        for p in changed.values():
            p.grad = None

    def state(self) -> dict[str, Any]:
        """What the next step needs, for a checkpoint.

        Returns:
            Tensors by the number of their parameter.
        """
        return {"velocities": self._velocities, "moments": self._moments}

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint.

        Args:
            state: as `state` returned it.
        """
        self._velocities = dict(state["velocities"])
        self._moments = {k: (mean, square, n.cpu()) for k, (mean, square, n) in state["moments"].items()}
