"""Check whether ncnn layers form an RRDBNet or an SRVGGNetCompact, and name their tensors.

The layers of the file and the definition of the network are both written as expressions of the input, in one normal
form: sums of the results of the other operations, with exact factors. It therefore does not matter how a converter
wrote a residual or an activation, and a network that computes something else is detected.
"""

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from itertools import count
from typing import NamedTuple

from jaxsr.errors import InputError

# A sum: (number of an expression, its factor), ordered by number.
Value = tuple[tuple[int, Fraction], ...]

_SLOPE = _RESIDUAL = Fraction(1, 5)


class Layer(NamedTuple):
    """A line of a .param file: an operation, such as "Convolution", its name, those of its inputs and outputs, options.

    The options are {number: value, or several values}.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[int, float | tuple[float, ...]]


class Expressions:
    """Expressions of one input in normal form: equal expressions are equal values."""

    def __init__(self) -> None:
        self._numbers: dict[tuple, int] = {}
        self._joined: dict[Value, tuple[Value, ...]] = {}

    def of(self, *operation: Hashable) -> Value:
        """The result of an operation, given by its name and operands."""
        return ((self._numbers.setdefault(operation, len(self._numbers)), Fraction(1)),)

    def total(self, values: Sequence[Value], factors: Sequence[Fraction]) -> Value:
        """The sum of values, each times its factor."""
        terms: dict[int, Fraction] = {}
        for value, factor in zip(values, factors, strict=True):
            for number, inner in value:
                terms[number] = terms.get(number, Fraction(0)) + factor * inner
        return tuple(sorted((number, factor) for number, factor in terms.items() if factor))

    def parts(self, values: Sequence[Value]) -> tuple[Value, ...]:
        """The values, with concatenations among them taken apart."""
        return tuple(part for value in values for part in self._joined.get(value, (value,)))

    def joined(self, values: Sequence[Value]) -> Value:
        """The concatenation of values along the channels."""
        parts = self.parts(values)
        value = parts[0] if len(parts) == 1 else self.of("joined", parts)
        self._joined[value] = parts
        return value


def names_of(layers: Sequence[Layer], *, source: str) -> list[str]:
    """BasicSR's names of the convolutions and PReLUs, in the order of the file.

    Raises:
      InputError: the layers form neither of the networks; `source` is the name of the file in it.
    """
    kinds = [layer.kind for layer in layers]
    convolutions, slopes = kinds.count("Convolution"), kinds.count("PReLU")
    expressions = Expressions()
    result = _result(layers, expressions, source)
    if slopes:
        names = [f"body.{i}" for i in range(2 * slopes + 1)]
        known = [_compact(expressions, slopes, scale) for scale in (2, 3, 4, 8)]
    else:
        blocks = max(0, convolutions - 6) // 15
        names = ["conv_first"]
        names += [f"body.{i}.rdb{j}.conv{k}" for i in range(blocks) for j in (1, 2, 3) for k in range(1, 6)]
        names += ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
        known = [_rrdbnet(expressions, blocks, side) for side in (1, 2, 4)]
    if len(names) != convolutions + slopes or kinds.count("Input") != 1 or result not in known:
        raise InputError(
            f"{source}: its {convolutions} convolutions are not connected as in an RRDBNet or an SRVGGNetCompact, the "
            "only networks that can be read from ncnn"
        )
    return names


def _rrdbnet(e, blocks, unshuffle):
    numbers = count()

    def conv(value):
        return e.of("Convolution", next(numbers), value)

    def grown(value):
        return e.of("leaky", _SLOPE, conv(value))

    image = e.of("input")
    first = y = conv(image if unshuffle == 1 else e.of("unshuffle", unshuffle, image))
    for _ in range(blocks):
        inner = y
        for _ in range(3):
            seen = [inner]
            for _ in range(4):
                seen.append(grown(e.joined(seen)))
            inner = e.total([inner, conv(e.joined(seen))], [Fraction(1), _RESIDUAL])
        y = e.total([y, inner], [Fraction(1), _RESIDUAL])
    y = e.total([first, conv(y)], [Fraction(1)] * 2)
    for _ in range(2):
        y = grown(e.of("nearest", 2, y))
    return conv(grown(y))


def _compact(e, activations, scale):
    image = y = e.of("input")
    for number in range(activations):
        y = e.of("PReLU", number, e.of("Convolution", number, y))
    y = e.of("shuffle", scale, e.of("Convolution", activations, y))
    return e.total([y, e.of("nearest", scale, image)], [Fraction(1)] * 2)


def _result(layers, e, source):
    """The value that the layers compute."""
    blobs, used, numbers = {}, set(), {kind: count() for kind in ("Convolution", "PReLU")}
    for layer in layers:
        absent = [name for name in layer.inputs if name not in blobs]
        rule = _RULES.get(layer.kind)
        value = rule(layer, e, [blobs[name] for name in layer.inputs], numbers) if rule and not absent else None
        if value is None:
            options = " ".join(f"{number}={each}" for number, each in layer.options.items())
            raise InputError(
                f"{source}: the layer {layer.kind} {layer.name} {options} is in neither an RRDBNet nor an "
                "SRVGGNetCompact, the only networks that can be read from ncnn"
            )
        used |= set(layer.inputs)
        blobs |= dict.fromkeys(layer.outputs, value)
    results = {value for name, value in blobs.items() if name not in used}
    return results.pop() if len(results) == 1 else None


def _fraction(value):
    # 0.2 becomes 1/5, even if it was rounded to float32 first.
    return Fraction(value).limit_denominator(10_000)


def _convolution(layer, e, values, numbers):
    value = e.of("Convolution", next(numbers["Convolution"]), *values)
    activation = layer.options.get(9, 0)
    if activation == 0:
        return value
    slopes = layer.options.get(10)
    leaky = activation == 2 and isinstance(slopes, tuple) and slopes
    return e.of("leaky", _fraction(slopes[0]), value) if leaky else None


def _concat(layer, e, values, numbers):
    # A dense block joins five. Without a limit, each line of a file could double their number.
    return e.joined(values) if layer.options.get(0, 0) == 0 and len(e.parts(values)) <= 5 else None


def _binary(layer, e, values, numbers):
    operation, scalar = layer.options.get(0, 0), layer.options.get(1, 0)
    if operation == 0 and not scalar and len(values) == 2:
        return e.total(values, [Fraction(1)] * 2)
    if operation == 2 and scalar and len(values) == 1:
        return e.total(values, [_fraction(layer.options.get(2, 0.0))])
    return None


def _eltwise(layer, e, values, numbers):
    factors = layer.options.get(1) or (1.0,) * len(values)
    if layer.options.get(0, 0) != 1 or not isinstance(factors, tuple) or len(factors) != len(values):
        return None
    return e.total(values, [_fraction(factor) for factor in factors])


def _interpolation(layer, e, values, numbers):
    across, down = (layer.options.get(number, 1.0) for number in (1, 2))
    nearest = layer.options.get(0, 0) == 1 and across == down == int(across) and not {3, 4} & layer.options.keys()
    return e.of("nearest", int(across), *values) if nearest else None


def _shuffled(name: str) -> Callable[..., Value | None]:
    def rule(layer, e, values, numbers):
        mode, factor = layer.options.get(1, 0), layer.options.get(0, 1)
        return e.of(name, int(factor), *values) if mode == 0 and len(values) == 1 else None

    return rule


# From a layer, the values of its inputs and the numbers of the next layers to its value; None if no network has it.
_RULES = {
    "Input": lambda layer, e, values, numbers: e.of("input"),
    "Split": lambda layer, e, values, numbers: values[0] if len(values) == 1 else None,
    "Noop": lambda layer, e, values, numbers: values[0] if len(values) == 1 else None,
    "Convolution": _convolution,
    "PReLU": lambda layer, e, values, numbers: e.of("PReLU", next(numbers["PReLU"]), *values),
    "ReLU": lambda layer, e, values, numbers: e.of("leaky", _fraction(layer.options.get(0, 0.0)), *values),
    "Concat": _concat,
    "BinaryOp": _binary,
    "Eltwise": _eltwise,
    "Interp": _interpolation,
    "PixelShuffle": _shuffled("shuffle"),
    "Reorg": _shuffled("unshuffle"),
}
