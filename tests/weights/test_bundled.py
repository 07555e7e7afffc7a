import pytest

import jaxsr
from jaxsr.evaluation.lpips import make_lpips
from jaxsr.evaluation.photos import find_set, read_set
from jaxsr.evaluation.protocol import evaluate

LEAST = {
    "srcnn": 29.99,
    "espcn": 30.59,
    "srresnet": 31.82,
    "srgan": 30.33,
    "srresnet_x2": 37.59,
    "srresnet_real": 30.89,
    "srgan_real": 29.26,
}


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_a_bundled_network_scores_on_set5_what_its_readme_says(name, least, pytestconfig):
    _, paths = find_set(pytestconfig.rootpath / "tests" / "data" / "Set5")
    upscaler = jaxsr.load(name)
    distances = {"lpips_alex": make_lpips("alex")} if name == "srgan" else {}
    scores = evaluate(upscaler, read_set(paths), scale=int(upscaler.scale), metrics=("psnr_y",), distances=distances)
    assert least < scores["mean"]["psnr_y"] < least + 0.03
    if distances:
        assert scores["mean"]["lpips_alex"] == pytest.approx(0.104, abs=0.001)
