import dataclasses
import json

import pytest

from jaxsr.config import TrainConfig
from jaxsr.errors import InputError
from jaxsr.runs.photos import Named
from jaxsr.runs.workdir import check_settings, claim, held

PHOTOS = {"training": [Named(f"a/{name}.png", name) for name in "xyz"], "validation": [Named("v/1", "1")]}


def test_a_second_holder_is_refused_and_the_hold_ends(tmp_path):
    with held(tmp_path / "run"), pytest.raises(InputError, match="in use"), held(tmp_path / "run"):
        pass
    with held(tmp_path / "run") as again:
        assert again.is_dir()


def test_a_file_is_no_workdir(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="is a file"), held(tmp_path / "run"):
        pass


def test_the_same_run_may_go_on_with_other_comforts(tmp_path):
    config = TrainConfig(data=("a",), workdir=str(tmp_path))
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    claim(tmp_path, dataclasses.replace(config, cache=True), PHOTOS)
    claim(tmp_path, dataclasses.replace(config, checkpoint_every=7, validate_every=9, early_stop=2), PHOTOS)
    assert json.loads((tmp_path / "config.json").read_text())["photos"]["count"] == 3


def test_a_run_of_before_a_flag_came_goes_on_with_its_default(tmp_path):
    config = TrainConfig(data=("a",), workdir=str(tmp_path))
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    recorded = json.loads((tmp_path / "config.json").read_text())
    del recorded["optimizer"], recorded["kernel_sides"]
    (tmp_path / "config.json").write_text(json.dumps(recorded))
    claim(tmp_path, config, PHOTOS)
    with pytest.raises(InputError, match="optimizer: adam there, soap here"):
        claim(tmp_path, dataclasses.replace(config, optimizer="soap"), PHOTOS)


def test_another_configuration_is_refused_with_the_difference(tmp_path):
    config = TrainConfig(data=("a",), workdir=str(tmp_path))
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    with pytest.raises(InputError, match=r"learning_rate: 0.0001 there, 0.1 here.*--no-resume"):
        claim(tmp_path, dataclasses.replace(config, learning_rate=0.1), PHOTOS)
    with pytest.raises(InputError, match=r"learning_rate: 0.0001 there, 0.1 here.*--no-resume"):
        check_settings(tmp_path, dataclasses.replace(config, learning_rate=0.1))


def test_an_extension_names_a_run_and_no_fewer_steps_than_it_has_done(tmp_path):
    config = TrainConfig(data=("a",), workdir=str(tmp_path), steps=100)
    longer = dataclasses.replace(config, steps=120, extend=True)
    with pytest.raises(InputError, match="--extend: there is no run in --workdir"):
        check_settings(tmp_path, longer)
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "100").mkdir(parents=True)
    with pytest.raises(InputError, match=r"steps: 100 there, 120 here.*--extend to go on"):
        check_settings(tmp_path, dataclasses.replace(longer, extend=False))
    claim(tmp_path, longer, PHOTOS)
    # The run is now one of 120 steps, with and without the flag.
    for extend in (False, True):
        check_settings(tmp_path, dataclasses.replace(longer, extend=extend))
    with pytest.raises(InputError, match=r"--steps 90: .* has done 100 already"):
        check_settings(tmp_path, dataclasses.replace(longer, steps=90))


def test_photos_are_what_is_in_them_and_other_ones_are_named(tmp_path):
    config = TrainConfig(data=("a",), workdir=str(tmp_path))
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    moved = [Named(f"/elsewhere/{photo.name}", photo.digest) for photo in PHOTOS["training"]]
    claim(tmp_path, dataclasses.replace(config, data=("/elsewhere",)), PHOTOS | {"training": moved})
    for training, words in (
        ([*moved[:2], Named("b/z.png", "w")], r"training photos: 1 has other contents \(z.png\)\)"),
        ([Named(photo.name, photo.digest * 2) for photo in moved], r"3 have other contents \(x.png, y.png, z.png\)"),
        ([*moved[:2], Named("b/n.png", "n")], r"1 is missing \(z.png\), 1 is new \(n.png\)"),
        ([*moved, moved[0]], r"1 is new \(x.png\)"),
        ([*moved, Named("b/n.png", "n"), Named("b/m.png", "n")], r"2 are new \(n.png, m.png\)"),
        (moved[::-1], "in another order"),
    ):
        with pytest.raises(InputError, match=words):
            claim(tmp_path, config, PHOTOS | {"training": training})
    with pytest.raises(InputError, match=r"validation photos: 1 is missing \(1\).*--no-resume"):
        claim(tmp_path, config, PHOTOS | {"validation": []})
    assert json.loads((tmp_path / "photos.json").read_text())["training"][0] == ["/elsewhere/a/x.png", "x"]


def test_no_resume_removes_the_earlier_run_and_nothing_else(tmp_path):
    claim(tmp_path, TrainConfig(workdir=str(tmp_path)), PHOTOS)
    (tmp_path / "checkpoints" / "5").mkdir(parents=True)
    for name in ("metrics.jsonl", "best.safetensors", "notes.txt"):
        (tmp_path / name).write_text("x")
    claim(tmp_path, TrainConfig(workdir=str(tmp_path), seed=1, resume=False), PHOTOS)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "photos.json", "notes.txt"}


def test_a_start_that_left_no_checkpoint_has_claimed_nothing(tmp_path):
    claim(tmp_path, TrainConfig(workdir=str(tmp_path)), PHOTOS)
    claim(tmp_path, TrainConfig(workdir=str(tmp_path), seed=1), PHOTOS)
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text()[:60]),
        lambda path: path.write_text("[]"),
    ],
)
def test_settings_that_are_missing_or_damaged_are_one_sentence(damage, tmp_path):
    config = TrainConfig(workdir=str(tmp_path))
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    damage(tmp_path / "config.json")
    with pytest.raises(InputError, match=r"config\.json: cannot be read .*--no-resume"):
        check_settings(tmp_path, config)
    claim(tmp_path, dataclasses.replace(config, resume=False), PHOTOS)
    check_settings(tmp_path, config)


def test_a_damaged_or_missing_list_of_photos_is_one_sentence(tmp_path):
    config = TrainConfig(workdir=str(tmp_path))
    claim(tmp_path, config, PHOTOS)
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    (tmp_path / "photos.json").write_text('{"training": [')
    with pytest.raises(InputError, match=r"photos\.json: cannot be read \(it is damaged\)"):
        claim(tmp_path, config, PHOTOS)
    (tmp_path / "photos.json").unlink()
    with pytest.raises(InputError, match=r"photos\.json: cannot be read \(No such file"):
        claim(tmp_path, config, PHOTOS)
