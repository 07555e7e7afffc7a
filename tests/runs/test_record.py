import json
import time

import numpy as np
import pytest

from jaxsr.runs.record import open_record, read_log


def test_the_log_is_cut_to_the_checkpoint_and_a_torn_line_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in (1, 2, 3):
        with path.open("a") as file:
            file.write(json.dumps({"step": step, "loss": 1 / step}) + "\n")
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in read_log(path, until=2)] == [1, 2]
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]
    assert read_log(tmp_path / "none.jsonl", until=2) == []


def test_a_damaged_line_of_the_log_costs_that_line_only(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step\xff 2}\nnull\n{"loss": 1}\n{"step": 5}\n')
    assert read_log(path, until=9) == [{"step": 1}, {"step": 5}]


def test_the_time_left_does_not_count_compilation(tmp_path):
    """100 updates of 0.1 s, and half a minute's worth of compiler before the first, and again before a shorter one."""
    with open_record(tmp_path, until=0, total=100, title="") as record:
        bar = record.bar
        clock = time.time()
        bar._time = lambda: clock
        bar.start_t = bar.last_print_t = clock

        def dispatch(step, count, seconds):
            nonlocal clock
            clock += seconds
            record.advance(step, {"loss": np.ones(count)}, seconds=seconds, waited=0.0, batch_size=1)
            shown = bar.format_dict
            rate = shown["rate"] or (shown["elapsed"] and (shown["n"] - shown["initial"]) / shown["elapsed"])
            return (shown["total"] - shown["n"]) / rate if rate else None

        assert dispatch(2, 2, 30.2) is None
        assert dispatch(4, 2, 0.2) == pytest.approx(9.6, rel=0.01)
        assert dispatch(5, 1, 30.1) == pytest.approx(9.5, rel=0.01)
        assert dispatch(7, 2, 0.2) == pytest.approx(9.3, rel=0.01)
        assert dispatch(8, 1, 0.1) == pytest.approx(9.2, rel=0.01)
        assert bar.n == 8
