import json

from jaxsr.training.record import read_log


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
