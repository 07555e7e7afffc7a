import pytest

import jaxsr
from jaxsr.evaluation.protocol import evaluate, find_set, read_set


@pytest.mark.parametrize(("name", "least"), [("srcnn", 29.99), ("espcn", 30.21), ("srresnet", 31.28)])
def test_a_bundled_network_scores_on_set5_what_its_readme_says(name, least, pytestconfig):
    _, paths = find_set(pytestconfig.rootpath / "tests" / "data" / "Set5")
    scores = evaluate(jaxsr.load(name), read_set(paths), metrics=("psnr_y",))
    assert least < scores["mean"]["psnr_y"] < least + 0.03
