"""The map of the code in docs/architecture.md, held to the imports."""

import ast
import re
from pathlib import Path

import pytest

import jaxsr

PACKAGE = Path(jaxsr.__file__).parent
MAP = (PACKAGE.parent / "docs" / "architecture.md").read_text()
TOP = {"__init__", "__main__", "metrics"}


def rooms_from_the_top():
    drawing = MAP.split("```")[1]
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - TOP
    heights = {}
    for height, line in enumerate(drawing.splitlines()):
        rooms = re.split(r"\s{2,}", line)[0].split(", ")
        heights |= {name: height for name in rooms if name in names}
    assert heights.keys() == names
    return heights


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jaxsr."):
            yield node.module.split(".")[1]
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("jaxsr."))


def test_calls_go_down_the_map():
    heights = rooms_from_the_top()
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for other in () if room in TOP else imports(path):
            below = other == room or heights[other] > heights[room]
            assert below or {other, room} <= {"config", "files", "errors"}, f"{path.name} in {room} imports {other}"


def test_files_and_functions_that_the_map_names_exist():
    folders = [PACKAGE, PACKAGE.parent, *(path for path in PACKAGE.iterdir() if path.is_dir())]
    for name, function in re.findall(r"`([\w/]+\.py)(?:: (\w+))?`", MAP):
        found = [folder / name for folder in folders if (folder / name).is_file()]
        if not name.endswith("/NAME.py"):
            assert found, name
            assert not function or f"def {function}(" in found[0].read_text(), (name, function)


@pytest.mark.parametrize(
    "package", sorted(path.parent for path in PACKAGE.glob("*/**/__init__.py")), ids=lambda p: p.name
)
def test_a_package_names_files_to_start_with(package):
    named = re.findall(r"`(\w+\.py)`", ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or "")
    assert named
    assert not [name for name in named if not (package / name).is_file()]
