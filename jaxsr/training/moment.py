"""The point that a run has reached, as its checkpoints hold it, and the crops from there on."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from jaxsr.config import TrainConfig

Scores = dict[str, float]


class Crops(Protocol):
    """An endless iterator over batches, whose position can be saved."""

    def __next__(self) -> Any:
        """The next batch of crops, or pair of batches."""

    def get_state(self) -> dict[str, Any]:
        """The position, as JSON."""

    def set_state(self, state: dict[str, Any], /) -> None:
        """Go to a position from `get_state`."""


class Moment(NamedTuple):
    """The point that a run has reached: all that a checkpoint holds.

    Attributes:
      state: the training state.
      order: number of the data order that the run follows.
      data: position in that order of the first batch not yet used, or None for its beginning.
      best: the best validation scores, whose weights are in best.safetensors.
      unimproved: validations since the best one.
    """

    state: Any
    order: int
    data: Any
    best: Scores | None
    unimproved: int = 0

    @property
    def step(self) -> int:
        """Updates done. It waits for the device."""
        return int(self.state.step)


def moment_of(state: Any, progress: dict[str, Any], config: TrainConfig, *, begun_with: int | None) -> Moment:
    """The moment of a checkpoint.

    Args:
      state: the training state of the checkpoint.
      progress: from `progress_of`; its batch size is removed.
      config: settings of the run. If the checkpoint has another batch size, the moment begins another data order.
      begun_with: batch size of checkpoints that do not record theirs (None: as in `config`).
    """
    batch_size = progress.pop("batch_size", begun_with or config.batch_size)
    moment = Moment(state, **progress)
    # A position counts batches of one size, and means nothing for another size.
    return moment if batch_size == config.batch_size else moment._replace(order=moment.order + 1, data=None)


def progress_of(moment: Moment, config: TrainConfig) -> dict[str, Any]:
    """The values that a checkpoint holds beside the state, as JSON."""
    kept = {name: getattr(moment, name) for name in ("order", "data", "best", "unimproved")}
    return kept | {"batch_size": config.batch_size}


def open_crops_at(moment: Moment, open_crops: Callable[[int], Crops]) -> Crops:
    """The crops of the moment's data order, at its position; `open_crops` opens a data order at its beginning."""
    crops = open_crops(moment.order)
    if moment.data is not None:
        crops.set_state(moment.data)
    return crops
