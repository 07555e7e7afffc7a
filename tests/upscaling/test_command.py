from pathlib import Path

import pytest

from jaxsr.errors import InputError
from jaxsr.upscaling.command import existing_results
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
