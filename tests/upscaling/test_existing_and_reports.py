from pathlib import Path

import pytest
from PIL import Image

import jaxsr
from jaxsr.errors import InputError
from jaxsr.upscaling.existing import existing_results
from jaxsr.upscaling.pictures import upscale_pictures
from jaxsr.upscaling.plan import Job
from jaxsr.upscaling.report import check_report


def test_the_two_flags_for_results_that_exist_exclude_each_other():
    assert existing_results(skip=True, overwrite=False) == "keep"
    assert existing_results(skip=False, overwrite=True) == "replace"
    assert existing_results(skip=False, overwrite=False) == "refuse"
    with pytest.raises(InputError, match="one of the two"):
        existing_results(skip=True, overwrite=True)


def test_a_report_does_not_take_the_place_of_a_photo(tmp_path):
    check_report(None)
    check_report(tmp_path / "new/report.JSON")
    (tmp_path / "folder.json").mkdir()
    for path in (Path("photo.jpg"), Path("report"), tmp_path / "folder.json"):
        with pytest.raises(InputError, match=f"--json {path}: "):
            check_report(path)


def test_a_report_that_cannot_be_written_is_refused_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file/report.json", Path("/proc/report.json")):
        with pytest.raises(InputError, match=rf"--json {path}: the report cannot be written there \("):
            check_report(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_report_that_fails_at_the_end_hides_nothing(count, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "0.png").write_text("no picture")
    Image.new("RGB", (6, 5)).save(tmp_path / "1.png")
    jobs = [Job(tmp_path / f"{i}.png", tmp_path / f"out/{i}.png") for i in range(count)]
    report = tmp_path / "file/report.json"
    expected = r"0\.png: no picture in a format" if count == 1 else f"--json {report}: the report cannot be written"
    with pytest.raises(InputError, match=expected):
        upscale_pictures(jaxsr.load("nearest"), jobs, existing="refuse", report=report)
    told = capsys.readouterr().err
    assert ("1 of 2 pictures upscaled" if count == 2 else f"error: --json {report}: ") in told
