"""The record of a run in progress: log, TensorBoard, progress bar and curves."""

import contextlib
import dataclasses
import json
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxsr.files import replacing
from jaxsr.runs.drawing import draw_curves


@dataclasses.dataclass
class Record:
    """The log of a run, and the places where it is shown.

    Attributes:
      workdir: folder of the run.
      rows: the log so far, dicts with "step". The file metrics.jsonl has the same rows.
      board: TensorBoard's writer, or None if nothing is written.
      bar: the progress bar.
      title: title of the curves.
      writes: whether the record is written. Otherwise it is only kept in memory.
      shown: the current warnings, {kind: sentence}.
      timed: lengths of dispatches, in updates, whose program is compiled. The estimate of the remaining time counts
        only these.
    """

    workdir: Path
    rows: list[dict[str, Any]]
    board: Any
    bar: tqdm
    title: str
    writes: bool = True
    shown: dict[str, str] = dataclasses.field(default_factory=dict)
    timed: set[int] = dataclasses.field(default_factory=set)

    def write(self, line: str) -> None:
        """Print a line above the progress bar."""
        self.bar.write(line)

    def advance(
        self, step: int, metrics: Mapping[str, np.ndarray], *, seconds: float, waited: float, batch_size: int
    ) -> None:
        """Log a dispatch that ended at `step`.

        Args:
          step: updates done.
          metrics: {name: values [K]}, one value for each update of the dispatch.
          seconds: time from the end of the previous dispatch to the results of this one.
          waited: part of `seconds` in which the device may have had no data.
          batch_size: crops per update.
        """
        row = {name: float(values.mean()) for name, values in metrics.items()}
        count = len(next(iter(metrics.values())))
        row |= {"patches_per_second": batch_size * count / seconds, "waited": waited / seconds}
        self._add(step, row)
        self._count(count)
        self.bar.set_postfix_str(f"loss {row['loss']:.5f}, {row['patches_per_second']:.0f} patches/s", refresh=False)

    def _count(self, count):
        # A bar that is switched off has no clock.
        if count in self.timed or self.bar.disable:
            self.bar.update(count)
            return
        # The first dispatch of each length compiles a program, so its time says nothing about later ones.
        self.timed.add(count)
        self.bar.unpause()
        self.bar.initial += count
        self.bar.n += count
        self.bar.last_print_n = self.bar.n
        self.bar.refresh()

    def show(self, step: int, scores: dict[str, float]) -> None:
        """Log validation scores, and draw the curves again."""
        if scores:
            self.write(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
            self._add(step, scores)
        if self.writes:
            draw_curves(self.workdir / "curves.png", self.rows, title=self.title)

    def warn(self, found: Mapping[str, str]) -> None:
        """Print the warnings whose kind was not in the last ones; `found` is {kind: sentence}."""
        for kind in found.keys() - self.shown.keys():
            self.write(f"warning: {found[kind]}")
        self.shown = dict(found)

    def cut(self, step: int) -> None:
        """Remove all rows after `step`."""
        self.rows = read_log(self.workdir / "metrics.jsonl", until=step, rewrite=self.writes)
        if self.writes:
            self.board.close()
            self.board = _board(self.workdir, step)
        self.bar.n = step
        self.bar.refresh()

    def _add(self, step, values):
        row = {"step": step} | values
        self.rows.append(row)
        if not self.writes:
            return
        with (self.workdir / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        for name, value in values.items():
            self.board.add_scalar(name, value, step)


@contextlib.contextmanager
def open_record(workdir: Path, *, until: int, total: int, title: str, writes: bool = True) -> Generator[Record]:
    """Open the record of a run of `total` updates that is at step `until`; see `Record` for the rest.

    The rows that an earlier start wrote after that step are removed.
    """
    # A run at step 0 validates again, so the row of that step goes too.
    rows = read_log(workdir / "metrics.jsonl", until=until or -1, rewrite=writes)
    bar = tqdm(total=total, initial=until, unit="step", dynamic_ncols=True, disable=not writes)
    record = Record(workdir, rows, _board(workdir, until) if writes else None, bar, title, writes)
    try:
        yield record
    finally:
        if writes:
            record.board.close()
        bar.close()


def read_log(path: Path, *, until: int, rewrite: bool = True) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl up to step `until`, included.

    With `rewrite` the file keeps only these rows. Lines that are incomplete or damaged are left out.
    """
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            row = json.loads(line)
            if row["step"] <= until:
                rows.append(row)
        except (json.JSONDecodeError, TypeError, KeyError):
            continue
    if rewrite:
        with replacing(path) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def _board(workdir, step):
    from tensorboardX import SummaryWriter

    return SummaryWriter(str(workdir / "tensorboard"), purge_step=step + 1, write_to_disk=True)
