"""Networks as JSON: the name of one of `MODELS`, and its fields."""

import dataclasses
import json
from typing import Any, Literal, get_args, get_origin

import jax.numpy as jnp

from jaxsr.errors import InputError
from jaxsr.models import MODELS
from jaxsr.models.network import Network


def architecture(model: Network) -> dict[str, Any]:
    """The JSON form of a network without its compute dtype, {"name": "srresnet", "fields": {"scale": 4, …}}.

    Raises:
      InputError: the network is not one of `jaxsr.models.MODELS`.
    """
    for name, kind in MODELS.items():
        if kind is type(model):
            fields = {field: getattr(model, field) for field in _defaults(kind)}
            return {"name": name, "fields": json.loads(json.dumps(fields))}
    raise InputError(f"{type(model).__name__} is not one of the networks {', '.join(MODELS)}")


def build_model(architecture: dict[str, Any], *, dtype: Any = jnp.float32) -> Network:
    """Build the network of an architecture (see `architecture`); fields that are not named get their defaults.

    Args:
      architecture: {"name": …, "fields": {…}}.
      dtype: dtype of computation.

    Raises:
      InputError: the name, a field or a field's value is unknown.
    """
    name, fields = _name_and_fields(architecture)
    if name not in MODELS:
        raise InputError(f"unknown architecture {name!r}: this version knows {', '.join(MODELS)}")
    defaults = _defaults(MODELS[name])
    values: dict[str, Any] = {
        field: tuple(value) if isinstance(value, list) else value for field, value in fields.items()
    }
    for field, value in values.items():
        if field not in defaults:
            raise InputError(f"{name} has no field {field!r}: it has {', '.join(defaults)}")
        hint = MODELS[name].__annotations__[field]
        choices = get_args(hint) if get_origin(hint) is Literal else [value]
        if _types(value) != _types(defaults[field]) or value not in choices:
            raise InputError(f"{name} cannot have {field}={value!r}: the default is {defaults[field]!r}")
    *first, last = MODELS[name].scales
    if values.get("scale", 4) not in (*first, last):
        one_of = f"{', '.join(map(str, first))} or {last}"
        raise InputError(f"{name} cannot have scale={values['scale']}: it upscales by {one_of}")
    return MODELS[name](**values, dtype=dtype)


def _name_and_fields(architecture):
    if isinstance(architecture, dict):
        name, fields = architecture.get("name"), architecture.get("fields")
        if isinstance(name, str) and isinstance(fields, dict):
            return name, fields
    raise InputError(f"{architecture!r} is not an architecture of the form {{'name': …, 'fields': {{…}}}}")


def _defaults(kind):
    fields = dataclasses.fields(kind)
    return {field.name: field.default for field in fields if field.name not in ("dtype", "parent", "name")}


def _types(value):
    return [*map(type, value)] if isinstance(value, tuple) else type(value)
