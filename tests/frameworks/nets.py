"""Modules as users write them."""

from __future__ import annotations

from typing import Any

import torch


class TwoHeads(torch.nn.Module):
    """A body, two heads, a buffer that is not part of the state, and plain attributes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(width, 8), torch.nn.ReLU())
        self.left, self.right = torch.nn.Linear(8, 2), torch.nn.Linear(8, 1, bias=False)
        self.register_buffer("scale", torch.tensor([0.5, 2.0]), persistent=False)
        self.names = ["left", "right"]

    def forward(self, x: Any) -> Any:
        inner = self.body(x)
        return self.left(inner) * self.scale, self.right(inner)


class Tied(torch.nn.Module):
    """A language model's first and last layer, which share one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 4)
        self.out = torch.nn.Linear(4, 10, bias=False)
        self.out.weight = self.embedding.weight

    def forward(self, tokens: Any) -> Any:
        return self.out(self.embedding(tokens))


class TwoInputs(torch.nn.Module):
    """Takes two tensors by name."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)

    def forward(self, left: Any, right: Any) -> Any:
        return self.one(left) * self.other(right)


class Memory(torch.nn.LSTM):
    """A recurrent layer of a user's own, with a parameter more, that gives the last output."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(width, hidden, 2, bidirectional=True)
        self.scale = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, rows: Any) -> Any:  # type: ignore[override]
        return super().forward(rows)[0][-1] * self.scale


class Looking(torch.nn.MultiheadAttention):
    """Attention of rows to themselves."""

    def forward(self, rows: Any) -> Any:  # type: ignore[override]
        return super().forward(rows, rows, rows)[0]
