"""What `jaxsr` does before a command takes over."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsr.commands import COMMANDS, module

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_help_says(name):
    assert COMMANDS[name] == inspect.getdoc(module(name).main).splitlines()[0]


def test_the_list_comes_without_importing_jax():
    code = (
        "import sys; from jaxsr.__main__ import main; main(); sys.exit(bool({'jax', 'tyro', 'numpy'} & {*sys.modules}))"
    )
    done = run("-c", code, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"  {name} " in done.stdout and line in done.stdout for name, line in COMMANDS.items())


@pytest.mark.parametrize("word", ["--help", "export --help"])
def test_a_closed_pipe_ends_it_without_a_word(word, monkeypatch):
    # With this variable each print fails at once, without it the last flush.
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    shell = f"{sys.executable} -c 'import jaxsr.__main__ as m, sys, time; time.sleep(0.5); sys.exit(m.main())' {word}"
    done = subprocess.run(
        ["bash", "-c", f"{shell} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk here")
def test_a_full_disk_under_the_output_is_one_sentence(monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    line = [sys.executable, "-m", "jaxsr", "--help"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(line, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: ")


def test_without_a_command_and_with_an_unknown_one_it_ends_with_2():
    nothing, unknown = run("-m", "jaxsr"), run("-m", "jaxsr", "upscael", "photo.jpg")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "usage: jaxsr COMMAND" in nothing.stderr
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr.startswith("error: upscael is not a command of jaxsr; choose one of upscale, ")
    assert unknown.stderr.count("\n") == 1


def test_a_script_and_its_command_are_one():
    script, command = run("scripts/port_weights.py", "--help"), run("-m", "jaxsr", "port", "--help")
    assert script.stdout.startswith("usage: scripts/port_weights.py ")
    assert command.stdout.startswith("usage: jaxsr port ")
    assert script.stdout.split("\n\n")[1:] == command.stdout.split("\n\n")[1:]


def test_bash_completes_commands_flags_recipes_and_files(tmp_path):
    script = run("-m", "jaxsr", "--completion", "bash")
    assert (script.returncode, script.stderr) == (0, "")
    (tmp_path / "jaxsr.bash").write_text(script.stdout)
    ask = 'source "$0"; COMP_WORDS=(jaxsr "$@"); COMP_CWORD=$#; _jaxsr; echo "${COMPREPLY[@]}"; complete -p jaxsr'

    def completed(*words):
        line = ["bash", "-c", ask, tmp_path / "jaxsr.bash", *words]
        reply, rule = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
        # Where nothing is offered, bash offers files.
        assert "-o default" in rule
        return reply.split()

    assert completed("") == ["-h", "--help", *sorted(COMMANDS)]
    assert completed("upscale", "--skip") == ["--skip-existing"]
    assert completed("upscale", "--mod") == ["--model"]
    assert sorted(completed("train", "--config", "srgan_")) == ["srgan_gpu", "srgan_real", "srgan_short"]
    assert completed("upscale", "photo") == []
    refused = run("-m", "jaxsr", "--completion", "ksh")
    assert (refused.returncode, refused.stderr) == (2, "error: --completion ksh: choose one of bash, zsh\n")
