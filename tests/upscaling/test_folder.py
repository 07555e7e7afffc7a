import errno
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling.existing import refuse_existing
from jaxsr.upscaling.files import Stages, file_stages
from jaxsr.upscaling.folder import WRITERS, upscale_all
from jaxsr.upscaling.plan import Job


@pytest.fixture
def jobs(tmp_path):
    """Twelve pictures of random pixels, and where to put them."""
    random = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(random.integers(0, 256, (8, 9, 3), np.uint8)).save(tmp_path / f"{number:02d}.png")
    return [Job(tmp_path / f"{number:02d}.png", tmp_path / f"out/{number:02d}_x4.png") for number in range(12)]


def run(jobs, stages=None, **options):
    """Outcomes by the number of the job."""
    outcomes = {}
    upscale_all(
        jobs,
        stages or file_stages(jaxsr.load("bicubic")),
        finished=lambda outcome: outcomes.setdefault(jobs.index(outcome.job), outcome),
        **options,
    )
    return outcomes


def statuses(outcomes):
    return [outcomes[number].status for number in sorted(outcomes)]


def test_results_are_those_of_one_picture_alone(jobs):
    outcomes = run(jobs)
    assert statuses(outcomes) == ["done"] * 12
    for job in jobs:
        expected = jaxsr.load("bicubic")(np.asarray(Image.open(job.source)))
        np.testing.assert_array_equal(np.asarray(Image.open(job.target)), expected)
    assert len(list(jobs[0].target.parent.iterdir())) == 12


def test_one_picture_is_read_and_one_computed_while_several_are_written(jobs):
    # All must be there at once, or none returns. The barrier breaks, and the pictures fail, if they cannot be.
    meeting = threading.Barrier(2 + WRITERS)
    busy = {"read": threading.Lock(), "compute": threading.Lock(), "write": threading.Semaphore(WRITERS)}

    def stage(name, meets):
        def work(number):
            assert busy[name].acquire(blocking=False)
            if number in meets:
                meeting.wait(timeout=60)
            busy[name].release()
            return number

        return work

    # The last is read and the last but one computed while those before them are written.
    read, compute = stage("read", {WRITERS + 1}), stage("compute", {WRITERS})
    write = stage("write", set(range(WRITERS)))
    numbers = {}

    def begin(source):
        number = numbers.setdefault(source, len(numbers))
        return read(number)

    stages = Stages(begin, lambda number, *_: compute(number), lambda number, _: write(number), lambda number: None)
    assert {outcome.reason for outcome in run(jobs, stages).values()} == {""}


def test_existing_results_are_kept_or_replaced(jobs):
    refuse_existing(jobs)
    run(jobs[:2])
    jobs[0].target.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"00_x4\.png and 1 more exist already: .*--skip-existing .*--overwrite"):
        refuse_existing(jobs)
    outcomes = run(jobs)
    assert statuses(outcomes) == ["skipped"] * 2 + ["done"] * 10
    assert outcomes[0].reason == "existing"
    assert jobs[0].target.read_bytes() == b"mine"
    assert statuses(run(jobs, overwrite=True)) == ["done"] * 12
    assert jobs[0].target.read_bytes() != b"mine"


def test_what_another_process_wrote_meanwhile_is_not_done_again(jobs):
    run(jobs)
    stages = file_stages(jaxsr.load("bicubic"))

    def read(source):
        # Comes before the last picture is claimed.
        if source == jobs[0].source:
            jobs[-1].target.unlink()
            jobs[-1].target.write_bytes(b"from elsewhere")
        return stages.read(source)

    outcomes = run(jobs, replace(stages, read=read), overwrite=True)
    assert statuses(outcomes) == ["done"] * 11 + ["skipped"]
    assert outcomes[11].reason == "written by another process"
    assert jobs[-1].target.read_bytes() == b"from elsewhere"


def test_a_failure_of_any_kind_is_that_picture_s(jobs):
    jobs[3].source.write_bytes(jobs[3].source.read_bytes()[:60])
    jobs[4].target.mkdir(parents=True)
    jobs[5].source.unlink()
    stages = file_stages(jaxsr.load("bicubic"))

    def compute(opened, target, progress):
        return 1 // 0 if opened.picture.path == jobs[6].source else stages.compute(opened, target, progress)

    outcomes = run(jobs, replace(stages, compute=compute), overwrite=True)

    assert statuses(outcomes) == ["done"] * 3 + ["failed"] * 4 + ["done"] * 5
    assert all(str(jobs[number].source) in outcomes[number].reason for number in (3, 5, 6))
    assert outcomes[4].reason == f"{jobs[4].target}: Is a directory"
    assert "ZeroDivisionError" in outcomes[6].reason
    whole = {job.target for number, job in enumerate(jobs) if number not in (3, 5, 6)}
    assert set(jobs[0].target.parent.iterdir()) == whole


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_ends_the_run(jobs):
    def write(computed, target):
        computed[1][0].file.close()
        with open("/dev/full", "wb", buffering=0) as file:
            file.write(b"picture")

    stages = file_stages(jaxsr.load("bicubic"))
    outcomes = run(jobs, replace(stages, write=write))
    assert set(statuses(outcomes)) == {"failed"}
    assert len(outcomes) <= WRITERS
    assert "No space left" in outcomes.popitem()[1].reason
    assert list(jobs[0].target.parent.iterdir()) == []


def test_what_was_computed_when_the_run_ends_is_let_go(jobs):
    stages = file_stages(jaxsr.load("bicubic"))
    second = threading.Event()
    computed = []

    def compute(opened, target, progress):
        computed.append(stages.compute(opened, target, progress))
        if len(computed) == 2:
            second.set()
        return computed[-1]

    def write(result, target):
        result[1][0].file.close()
        assert second.wait(timeout=60)
        raise OSError(errno.ENOSPC, "No space left on device")

    assert set(statuses(run(jobs, replace(stages, compute=compute, write=write)))) == {"failed"}
    assert len(computed) >= 2
    assert all(raw.file.closed for _, (raw,) in computed)
