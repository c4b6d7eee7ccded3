"""Layers of PyTorch whose numbers its kernels believe.

Nearly every kernel compares shapes before it computes. Recurrent ones divide by the number of layers and cut their weights by the
sizes that the layer states; that of an LSTM reads four gates whatever the weights hold. That of attention divides by its heads.

The one rule: a number that sizes a loop is positive, and the weights of a recurrent layer are those that its numbers ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdfast.trust.state.fields import Fields, choice, field, flag, integer, refuse

MOST = 2**31 - 1
LAYERS = 10_000
GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
"""Mode of a recurrent layer -> how many gates its weights hold."""

MODES = {"RNN": ("RNN_TANH", "RNN_RELU"), "LSTM": ("LSTM",), "GRU": ("GRU",)}
"""Class of a recurrent layer -> its modes; the class says which kernel runs, and the mode which weights there are."""


def check_recurrent(kind: str, fields: Fields, shapes: Mapping[str, tuple[int, ...] | None], where: str) -> None:
    """Check a recurrent layer.

    Args:
        kind: its class, one of `MODES`.
        fields: its plain attributes.
        shapes: name of each parameter -> its shape; None for one that is not there.
        where: what a refusal names.

    Raises:
        InvalidState: names the attribute or the weight.
    """
    gates = GATES[choice(fields, "mode", where, MODES[kind])]
    inputs, hidden, layers = (integer(fields, name, where, 1, MOST) for name in ("input_size", "hidden_size", "num_layers"))
    projected = integer(fields, "proj_size", where, 0, hidden if kind == "LSTM" else 0)
    both, bias = flag(fields, "bidirectional", where), flag(fields, "bias", where)
    if layers > LAYERS:
        refuse(where, f"num_layers is {layers}, more than {LAYERS}")
    wanted: dict[str, tuple[int, ...]] = {}
    names: list[list[str]] = []
    out = projected or hidden
    for layer in range(layers):
        width = inputs if layer == 0 else out * (2 if both else 1)
        for end in ("", "_reverse") if both else ("",):
            some: dict[str, tuple[int, ...]] = {f"weight_ih_l{layer}{end}": (gates * hidden, width), f"weight_hh_l{layer}{end}": (gates * hidden, out)}
            if bias:
                some.update({f"{name}_l{layer}{end}": (gates * hidden,) for name in ("bias_ih", "bias_hh")})
            if projected:
                some[f"weight_hr_l{layer}{end}"] = (projected, hidden)
            names.append(list(some))
            wanted |= some
        if len(wanted) > len(shapes) + 16:
            refuse(where, f"it has {len(shapes)} weights, and its numbers ask for more")
    if field(fields, "_flat_weights_names", where) != [name for some in names for name in some] or field(fields, "_all_weights", where) != names:
        refuse(where, "the names of its weights are not those that its numbers ask for")
    for name, shape in wanted.items():
        # one that a parametrization computes is not among the parameters
        if name in shapes and shapes[name] != shape:
            refuse(where, f"{name} has shape {shapes[name]}, {shape} expected")
    if "parametrizations" not in fields and set(shapes) != set(wanted):
        refuse(where, "its weights are not those that its numbers ask for")


def check_attention(fields: Fields, where: str) -> None:
    """Check a layer of attention.

    Args:
        fields: its ``embed_dim`` and ``num_heads``.
        where: what a refusal names.

    Raises:
        InvalidState: names the attribute.
    """
    width, heads = (integer(fields, name, where, 1, MOST) for name in ("embed_dim", "num_heads"))
    if width % heads:
        refuse(where, f"embed_dim is {width}, which {heads} heads do not share")


def check_packed_recurrent(kind: str, fields: Fields, weights: Sequence[tuple[tuple[int, ...] | None, ...]], where: str) -> None:
    """Check a recurrent layer whose weights are packed.

    Args:
        kind: its class, LSTM or GRU.
        fields: its plain attributes.
        weights: for each layer and direction the shapes of the weights of its inputs and of its hidden state.
        where: what a refusal names.

    Raises:
        InvalidState: names the attribute or the weight.
    """
    gates = GATES[choice(fields, "mode", where, MODES[kind])]
    inputs, hidden, layers = (integer(fields, name, where, 1, MOST) for name in ("input_size", "hidden_size", "num_layers"))
    directions = 2 if flag(fields, "bidirectional", where) else 1
    if layers * directions != len(weights):
        refuse(where, f"it has {len(weights)} packed weights, and its numbers ask for {layers * directions}")
    for place, shapes in enumerate(weights):
        width = inputs if place < directions else hidden * directions
        wanted = ((gates * hidden, width), (gates * hidden, hidden))
        if shapes != wanted:
            refuse(where, f"its packed weights {place} have shapes {shapes}, {wanted} expected")
