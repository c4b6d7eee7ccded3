"""A zoo of PyTorch modules, one of every class of ``torch.nn`` in the settings that change its state, with inputs to ask them.

The one rule: everything is seeded, so that a module and its inputs are the same in every process.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from holdfast.testing.specimen import Specimen

Shape = tuple[int, ...]


class Whole(NamedTuple):
    """An input of whole numbers below a bound."""

    below: int
    shape: Shape


_ROWS, _LINE, _PLANE, _CUBE = (4, 6), (2, 6, 12), (2, 6, 8, 8), (2, 6, 4, 4, 4)
_LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[Shape | Whole, ...]]] = {
    "Identity": (lambda nn: nn.Identity(), (_ROWS,)),
    "Linear": (lambda nn: nn.Linear(6, 3), (_ROWS,)),
    "Linear without bias": (lambda nn: nn.Linear(6, 3, bias=False), (_ROWS,)),
    "Bilinear": (lambda nn: nn.Bilinear(6, 6, 2), (_ROWS, _ROWS)),
    "Flatten": (lambda nn: nn.Flatten(), (_PLANE,)),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), (_ROWS,)),
    "Unflatten to a Size": (lambda nn: nn.Unflatten(1, [2, 3]), (_ROWS,)),
    "Fold": (lambda nn: nn.Fold((4, 4), (2, 2), stride=2), ((1, 8, 4),)),
    "Unfold": (lambda nn: nn.Unfold((2, 2), stride=2), (_PLANE,)),
    "ChannelShuffle": (lambda nn: nn.ChannelShuffle(3), (_PLANE,)),
    "PixelShuffle": (lambda nn: nn.PixelShuffle(2), ((1, 8, 3, 3),)),
    "PixelUnshuffle": (lambda nn: nn.PixelUnshuffle(2), (_PLANE,)),
    "Upsample": (lambda nn: nn.Upsample(scale_factor=2), (_PLANE,)),
    "Upsample to a size": (lambda nn: nn.Upsample(size=(5, 7), mode="bilinear", align_corners=True), (_PLANE,)),
    "UpsamplingNearest2d": (lambda nn: nn.UpsamplingNearest2d(scale_factor=2), (_PLANE,)),
    "UpsamplingBilinear2d": (lambda nn: nn.UpsamplingBilinear2d(scale_factor=2), (_PLANE,)),
    "CosineSimilarity": (lambda nn: nn.CosineSimilarity(), (_ROWS, _ROWS)),
    "PairwiseDistance": (lambda nn: nn.PairwiseDistance(), (_ROWS, _ROWS)),
    # convolutions
    **{f"Conv{n}d": (lambda nn, n=n: getattr(nn, f"Conv{n}d")(6, 4, 3, padding=1), (shape,)) for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    **{f"Conv{n}d in groups": (lambda nn, n=n: getattr(nn, f"Conv{n}d")(6, 4, 3, padding="same", groups=2, bias=False, padding_mode="reflect"), (shape,))
       for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    **{f"ConvTranspose{n}d": (lambda nn, n=n: getattr(nn, f"ConvTranspose{n}d")(6, 4, 3, stride=2, output_padding=1), (shape,))
       for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    # activations
    **{name: (lambda nn, name=name: getattr(nn, name)(), (_ROWS,)) for name in (
        "ReLU", "ReLU6", "Hardtanh", "Sigmoid", "Tanh", "ELU", "SELU", "CELU", "GLU", "GELU", "Hardshrink", "LeakyReLU", "LogSigmoid",
        "Softplus", "Softshrink", "PReLU", "Softsign", "Tanhshrink", "RReLU", "Hardsigmoid", "Hardswish", "SiLU", "Mish")},
    **{name: (lambda nn, name=name: getattr(nn, name)(dim=1), (_ROWS,)) for name in ("Softmax", "LogSoftmax", "Softmin")},
    "ReLU in place": (lambda nn: nn.ReLU(inplace=True), (_ROWS,)),
    "GELU by tanh": (lambda nn: nn.GELU(approximate="tanh"), (_ROWS,)),
    "PReLU of channels": (lambda nn: nn.PReLU(6), (_ROWS,)),
    "Softmax2d": (lambda nn: nn.Softmax2d(), (_PLANE,)),
    "Threshold": (lambda nn: nn.Threshold(0.1, 20.0), (_ROWS,)),
    # pooling
    **{f"{kind}{n}d": (lambda nn, kind=kind, n=n: getattr(nn, f"{kind}{n}d")(2), (shape,))
       for kind in ("AvgPool", "MaxPool", "AdaptiveAvgPool", "AdaptiveMaxPool") for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    **{f"LPPool{n}d": (lambda nn, n=n: getattr(nn, f"LPPool{n}d")(2.0, 2), (shape,)) for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    **{f"MaxUnpool{n}d": (lambda nn, n=n: getattr(nn, f"MaxUnpool{n}d")(2), ()) for n in (1, 2, 3)},
    "FractionalMaxPool2d": (lambda nn: nn.FractionalMaxPool2d(2, output_size=3), ()),
    "FractionalMaxPool3d": (lambda nn: nn.FractionalMaxPool3d(2, output_ratio=0.5), ()),
    "AdaptiveAvgPool2d of a pair": (lambda nn: nn.AdaptiveAvgPool2d((3, None)), (_PLANE,)),
    # norms
    **{f"{kind}{n}d": (lambda nn, kind=kind, n=n: getattr(nn, f"{kind}{n}d")(6), (shape,))
       for kind in ("BatchNorm", "InstanceNorm") for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    "BatchNorm2d without state": (lambda nn: nn.BatchNorm2d(6, affine=False, track_running_stats=False, momentum=None), (_PLANE,)),
    "InstanceNorm2d with state": (lambda nn: nn.InstanceNorm2d(6, affine=True, track_running_stats=True), (_PLANE,)),
    "SyncBatchNorm": (lambda nn: nn.SyncBatchNorm(6), (_PLANE,)),
    "LayerNorm": (lambda nn: nn.LayerNorm(6), (_ROWS,)),
    "LayerNorm without weights": (lambda nn: nn.LayerNorm([6, 12], elementwise_affine=False), (_LINE,)),
    "GroupNorm": (lambda nn: nn.GroupNorm(3, 6), (_PLANE,)),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), (_ROWS,)),
    "RMSNorm with eps": (lambda nn: nn.RMSNorm([6], eps=1e-6, elementwise_affine=False), (_ROWS,)),
    "LocalResponseNorm": (lambda nn: nn.LocalResponseNorm(2), (_PLANE,)),
    "CrossMapLRN2d": (lambda nn: nn.CrossMapLRN2d(2), (_PLANE,)),
    # dropout, padding
    **{name: (lambda nn, name=name: getattr(nn, name)(), (_PLANE,)) for name in ("Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout")},
    "Dropout1d": (lambda nn: nn.Dropout1d(0.1), (_LINE,)),
    "Dropout3d": (lambda nn: nn.Dropout3d(0.1), (_CUBE,)),
    **{f"{kind}Pad{n}d": (lambda nn, kind=kind, n=n: getattr(nn, f"{kind}Pad{n}d")(1), (shape,))
       for kind in ("Zero", "Reflection", "Replication", "Circular") for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    **{f"ConstantPad{n}d": (lambda nn, n=n: getattr(nn, f"ConstantPad{n}d")(1, 0.5), (shape,)) for n, shape in ((1, _LINE), (2, _PLANE), (3, _CUBE))},
    # embeddings, recurrent layers, attention
    "Embedding": (lambda nn: nn.Embedding(10, 4), (Whole(10, (3, 5)),)),
    "Embedding with padding": (lambda nn: nn.Embedding(10, 4, padding_idx=0, max_norm=1.0, sparse=True), (Whole(10, (3, 5)),)),
    "EmbeddingBag": (lambda nn: nn.EmbeddingBag(10, 4, mode="sum"), (Whole(10, (3, 5)),)),
    "EmbeddingBag with padding": (lambda nn: nn.EmbeddingBag(10, 4, padding_idx=1, max_norm=2.0), (Whole(10, (3, 5)),)),
    **{name: (lambda nn, name=name: getattr(nn, name)(6, 5), ((3, 2, 6),)) for name in ("RNN", "LSTM", "GRU")},
    **{f"{name}, deep, both ways": (lambda nn, name=name: getattr(nn, name)(6, 5, 2, batch_first=True, dropout=0.1, bidirectional=True, bias=False), ((3, 2, 6),))
       for name in ("RNN", "LSTM", "GRU")},
    "LSTM with projections": (lambda nn: nn.LSTM(6, 5, proj_size=3), ((3, 2, 6),)),
    **{name: (lambda nn, name=name: getattr(nn, name)(6, 5), (_ROWS,)) for name in ("RNNCell", "LSTMCell", "GRUCell")},
    "MultiheadAttention": (lambda nn: nn.MultiheadAttention(6, 2), ((3, 2, 6),) * 3),
    "MultiheadAttention of other widths": (lambda nn: nn.MultiheadAttention(6, 2, kdim=4, vdim=5, add_bias_kv=True), ((3, 2, 6), (3, 2, 4), (3, 2, 5))),
    "TransformerEncoderLayer": (lambda nn: nn.TransformerEncoderLayer(6, 2, 8), ((3, 2, 6),)),
    "TransformerEncoderLayer, gelu": (lambda nn: nn.TransformerEncoderLayer(6, 2, 8, activation="gelu", batch_first=True, norm_first=True), ((3, 2, 6),)),
    "TransformerDecoderLayer": (lambda nn: nn.TransformerDecoderLayer(6, 2, 8), ((3, 2, 6), (3, 2, 6))),
    "TransformerEncoder": (lambda nn: nn.TransformerEncoder(nn.TransformerEncoderLayer(6, 2, 8), 2, nn.LayerNorm(6)), ((3, 2, 6),)),
    "TransformerDecoder": (lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(6, 2, 8), 2), ((3, 2, 6), (3, 2, 6))),
    "Transformer": (lambda nn: nn.Transformer(6, 2, 1, 1, 8), ((3, 2, 6), (3, 2, 6))),
    # containers
    "Sequential": (lambda nn: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), (_ROWS,)),
    "ModuleList": (lambda nn: nn.ModuleList([nn.Linear(6, 5), nn.ReLU()]), ()),
    "ModuleDict": (lambda nn: nn.ModuleDict({"first": nn.Linear(6, 5), "then": nn.ReLU()}), ()),
    "ParameterList": (lambda nn: nn.ParameterList([nn.Parameter(nn.Linear(2, 3).weight.detach()), nn.Linear(2, 3).bias]), ()),
    "ParameterDict": (lambda nn: nn.ParameterDict({"a": nn.Linear(2, 3).bias}), ()),
    # losses
    **{name: (lambda nn, name=name: getattr(nn, name)(), (_ROWS, _ROWS)) for name in (
        "L1Loss", "MSELoss", "HuberLoss", "SmoothL1Loss", "SoftMarginLoss", "PoissonNLLLoss", "KLDivLoss", "BCEWithLogitsLoss",
        "MultiLabelSoftMarginLoss", "HingeEmbeddingLoss", "CrossEntropyLoss")},
    **{name: (lambda nn, name=name: getattr(nn, name)(), (_ROWS, Whole(6, (4,)))) for name in ("NLLLoss", "MultiMarginLoss")},
    "BCELoss": (lambda nn: nn.BCELoss(), (Whole(2, _ROWS), Whole(2, _ROWS))),
    "MultiLabelMarginLoss": (lambda nn: nn.MultiLabelMarginLoss(), (_ROWS, Whole(6, _ROWS))),
    "GaussianNLLLoss": (lambda nn: nn.GaussianNLLLoss(), ()),
    "CosineEmbeddingLoss": (lambda nn: nn.CosineEmbeddingLoss(), ()),
    "MarginRankingLoss": (lambda nn: nn.MarginRankingLoss(), ()),
    "TripletMarginLoss": (lambda nn: nn.TripletMarginLoss(), (_ROWS, _ROWS, _ROWS)),
    "TripletMarginWithDistanceLoss": (lambda nn: nn.TripletMarginWithDistanceLoss(distance_function=nn.functional.pairwise_distance), (_ROWS, _ROWS, _ROWS)),
    "LinearCrossEntropyLoss": (lambda nn: nn.LinearCrossEntropyLoss(6, 4), (_ROWS, Whole(4, (4,)))),
    "CTCLoss": (lambda nn: nn.CTCLoss(), ()),
    "AdaptiveLogSoftmaxWithLoss": (lambda nn: nn.AdaptiveLogSoftmaxWithLoss(6, 10, [3, 7]), (_ROWS, Whole(10, (4,)))),
    "CrossEntropyLoss with weights": (lambda nn: nn.CrossEntropyLoss(weight=nn.Linear(2, 6).bias.detach().abs(), label_smoothing=0.1), (_ROWS, Whole(6, (4,)))),
}  # fmt: skip


def layer(name: str) -> Specimen:
    """Make a layer in evaluation mode, from the same seed each time, with the inputs of a call; a container is not asked."""
    import torch

    make, wanted = _LAYERS[name]
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = make(torch.nn).eval()
    inputs = tuple(_input(torch, one) for one in wanted)

    def ask(module: Any) -> Any:
        if not inputs:
            return None
        torch.manual_seed(0)  # some layers are random
        with torch.no_grad():
            return module(*(one.clone() for one in inputs))

    return Specimen(module, ask)


def _input(torch: Any, wanted: Shape | Whole) -> Any:
    if isinstance(wanted, Whole):
        whole = torch.randint(wanted.below, wanted.shape)
        return whole.float() if wanted.below == 2 else whole
    return torch.randn(wanted)


def _training(make: Callable[[Any, Any], Any], schedule: Callable[[Any, Any], Any] | None = None) -> Specimen:
    """Make a net, its optimizer and its schedule after some steps; the answer is how training goes on."""
    import copy

    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    rows, y = torch.randn(8, 4), torch.randn(8, 1)
    optimizer = make(torch.optim, net.parameters())
    parts = {"net": net, "optimizer": optimizer, "schedule": schedule(torch.optim.lr_scheduler, optimizer) if schedule else None}

    def go(parts: Any, steps: int) -> list[Any]:
        losses = []

        def closure() -> Any:
            parts["optimizer"].zero_grad()
            loss = torch.nn.functional.mse_loss(parts["net"](rows), y)
            loss.backward()
            return loss

        for _ in range(steps):
            losses.append(float(parts["optimizer"].step(closure).detach()))
            if parts["schedule"] is not None:
                parts["schedule"].step(losses[-1]) if "Plateau" in type(parts["schedule"]).__name__ else parts["schedule"].step()
                losses.append([float(group["lr"]) for group in parts["optimizer"].param_groups])
        return losses

    go(parts, 3)
    parts["optimizer"].zero_grad()

    def ask(one: Any) -> Any:
        # copies of a schedule and its optimizer would share functions with the originals
        names = [name for name in one if one[name] is not None]
        state = [copy.deepcopy(one[name].state_dict()) for name in names]
        losses = go(one, 4)
        one["optimizer"].zero_grad()
        for name, kept in zip(names, state, strict=True):
            one[name].load_state_dict(kept)
        return losses

    return Specimen(parts, ask)


def _parametrized(make: Callable[[Any], Any]) -> Specimen:
    import torch

    torch.manual_seed(0)
    module = make(torch.nn).eval()
    rows = torch.randn(3, 6)

    def ask(one: Any) -> Any:
        with torch.no_grad():
            return [one(rows), list(one.state_dict()), type(one).__name__]

    return Specimen(module, ask)


def _quantized(make: Callable[[Any], Any], *shape: int, dtype: str = "", below: int = 0, fuse: list[list[str]] | None = None) -> Specimen:
    """Make a net quantized for dynamic activations (``dtype``), or for static ones, with its weights packed."""
    import torch

    torch.manual_seed(0)
    rows = torch.randint(below, shape) if below else torch.randn(shape)
    net = make(torch.nn).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of = torch.ao.quantization
        if dtype:
            kinds = {torch.nn.Linear, torch.nn.LSTM, torch.nn.GRU, torch.nn.GRUCell, torch.nn.LSTMCell}
            net = of.quantize_dynamic(net, kinds, dtype=getattr(torch, dtype))
        else:
            settings = of.float_qparams_weight_only_qconfig if below else of.QConfig(activation=of.default_observer, weight=of.default_per_channel_weight_observer)
            net = net if below else torch.nn.Sequential(of.QuantStub(), *net, of.DeQuantStub())
            net.qconfig = settings
            if fuse:
                net = of.fuse_modules(net, fuse)
            for one in net.modules():
                if "Transpose" in type(one).__name__:
                    one.qconfig = of.default_qconfig  # not by channels
            of.prepare(net, inplace=True)
            net(rows)
            of.convert(net, inplace=True)

    def ask(one: Any) -> Any:
        with torch.no_grad():
            answer = one(rows)
            return answer[0] if isinstance(answer, tuple) else answer

    return Specimen(net, ask)


def _program(make: Callable[[Any], Any], *shapes: Shape, free: bool = True, lowered: bool = False) -> Specimen:
    """Make a program of a net, for any number of rows where it is free, or in core operators where it is lowered."""
    import torch

    torch.manual_seed(0)
    net = make(torch.nn).eval()
    inputs = tuple(torch.randn(shape) for shape in shapes)
    rows = torch.export.Dim("rows", min=2, max=64)
    program = torch.export.export(net, inputs, dynamic_shapes=tuple({0: rows} for _ in inputs) if free else None)
    program = program.run_decompositions() if lowered else program
    wider = tuple(torch.randn(shape[0] + 3, *shape[1:]) for shape in shapes) if free else inputs

    def ask(one: Any) -> Any:
        with torch.no_grad():
            return [one.module()(*wider), str(one.range_constraints), list(one.state_dict)]

    return Specimen(program, ask, ("torch.export.exported_program.ExportedProgram",))


def _branching(nn: Any) -> Any:
    import torch

    class Branching(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.up, self.down = nn.Linear(6, 3), nn.Linear(6, 3)
            self.register_buffer("scale", torch.ones(3) * 2)

        def forward(self, left: Any, right: Any) -> Any:
            chosen = torch.cond(left.sum() > 0, self.up, self.down, (left,))
            return {"chosen": chosen * self.scale, "rows": right.shape[0] * 2, "both": torch.einsum("ij,kj->ik", left, right)}

    return Branching()


_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {}, "AdamW": {"amsgrad": True}, "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True}, "RMSprop": {"centered": True}, "Adagrad": {},
    "Adadelta": {}, "Adamax": {}, "NAdam": {}, "RAdam": {}, "ASGD": {}, "Rprop": {}, "LBFGS": {"max_iter": 3}, "Adafactor": {},
}  # fmt: skip
_SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "StepLR": lambda of, opt: of.StepLR(opt, 2), "MultiStepLR": lambda of, opt: of.MultiStepLR(opt, [2, 5]), "ExponentialLR": lambda of, opt: of.ExponentialLR(opt, 0.9),
    "CosineAnnealingLR": lambda of, opt: of.CosineAnnealingLR(opt, 5), "CosineAnnealingWarmRestarts": lambda of, opt: of.CosineAnnealingWarmRestarts(opt, 3),
    "ConstantLR": lambda of, opt: of.ConstantLR(opt), "LinearLR": lambda of, opt: of.LinearLR(opt), "PolynomialLR": lambda of, opt: of.PolynomialLR(opt),
    "ReduceLROnPlateau": lambda of, opt: of.ReduceLROnPlateau(opt, patience=1), "OneCycleLR": lambda of, opt: of.OneCycleLR(opt, 0.1, total_steps=30),
    "CyclicLR": lambda of, opt: of.CyclicLR(opt, 0.01, 0.1), "SequentialLR": lambda of, opt: of.SequentialLR(opt, [of.ConstantLR(opt), of.ExponentialLR(opt, 0.5)], [2]),
}  # fmt: skip

MAKERS: dict[str, Callable[[], Specimen]] = {
    **{name: partial(layer, name) for name in _LAYERS},
    **{f"training with {name}": (lambda name=name, options=options: _training(lambda of, params: getattr(of, name)(params, **options))) for name, options in _OPTIMIZERS.items()},
    **{f"training on a {name}": (lambda make=make: _training(lambda of, params: of.SGD(params, lr=0.1, momentum=0.9), make)) for name, make in _SCHEDULES.items()},
    "quantized dynamically": lambda: _quantized(lambda nn: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2, bias=False)), 3, 6, dtype="qint8"),
    "quantized dynamically to float16": lambda: _quantized(lambda nn: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)), 3, 6, dtype="float16"),
    "quantized LSTM": lambda: _quantized(lambda nn: nn.Sequential(nn.LSTM(6, 4, 2, bidirectional=True)), 3, 2, 6, dtype="qint8"),
    "quantized LSTM to float16": lambda: _quantized(lambda nn: nn.Sequential(nn.LSTM(6, 4)), 3, 2, 6, dtype="float16"),
    "quantized GRU": lambda: _quantized(lambda nn: nn.Sequential(nn.GRU(6, 4, 2, batch_first=True)), 3, 2, 6, dtype="qint8"),
    "quantized cell": lambda: _quantized(lambda nn: nn.Sequential(nn.GRUCell(6, 4)), 3, 6, dtype="qint8"),
    "quantized convolutions": lambda: _quantized(lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 1, groups=2, bias=False), nn.Flatten(), nn.Linear(64, 3)), 2, 3, 8, 8),
    "quantized convolutions of a line": lambda: _quantized(lambda nn: nn.Sequential(nn.Conv1d(3, 4, 3), nn.Hardswish(), nn.Flatten()), 2, 3, 8),
    "quantized convolutions back": lambda: _quantized(lambda nn: nn.Sequential(nn.ConvTranspose2d(3, 4, 3, stride=2, output_padding=1, groups=1), nn.Conv2d(4, 2, 3)), 2, 3, 5, 5),
    "quantized convolutions with their norms": lambda: _quantized(lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)), 2, 3, 6, 6, fuse=[["1", "2", "3"], ["4", "5"]]),
    "quantized layers with their activations": lambda: _quantized(lambda nn: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.LeakyReLU(), nn.ELU(), nn.Sigmoid(), nn.LayerNorm(4)), 3, 6, fuse=[["1", "2"]]),
    "quantized LSTM cell": lambda: _quantized(lambda nn: nn.Sequential(nn.LSTMCell(6, 4)), 3, 6, dtype="qint8"),
    "quantized embedding": lambda: _quantized(lambda nn: nn.Sequential(nn.EmbeddingBag(10, 4, mode="sum")), 3, 5, below=10),
    "program": lambda: _program(lambda nn: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)), (4, 6)),
    "program in core operators": lambda: _program(lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)), (4, 3, 8, 8), lowered=True),
    "program of a transformer layer": lambda: _program(lambda nn: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (3, 5, 8)),
    "program of an LSTM": lambda: _program(lambda nn: nn.LSTM(6, 4, 2), (3, 2, 6), free=False),
    "program with a branch": lambda: _program(_branching, (4, 6), (4, 6)),
    "weight norm": lambda: _parametrized(lambda nn: nn.utils.parametrizations.weight_norm(nn.Linear(6, 3))),
    "spectral norm": lambda: _parametrized(lambda nn: nn.utils.parametrizations.spectral_norm(nn.Linear(6, 3))),
    "orthogonal": lambda: _parametrized(lambda nn: nn.utils.parametrizations.orthogonal(nn.Linear(6, 6))),
}  # fmt: skip
"""Name -> what makes a specimen."""
