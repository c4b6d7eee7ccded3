"""The proof of an export: what was asked of both, and how far their answers lie apart (`artifact.deviation`).

The one rule: the figures stand in every proof, whatever was allowed.
"""

from __future__ import annotations

import msgspec

CLOSE = 1e-5
"""The deviation beyond which rows are counted in every proof, whatever its tolerance, so that proofs can be compared."""


class ExportProof(msgspec.Struct, frozen=True):
    """The record of replaying an export in its own runtime.

    Attributes:
        target: ``onnx`` or ``pmml``.
        runtime: what answered, with its version.
        plan: how precision was kept.
        tolerance: the deviation up to which a row counts as the same: absolute up to one, relative beyond.
        rows: kind of rows -> how many were replayed.
        left_out: kind of rows -> why the model itself does not take them, or not all of them.
        left_out_rows: kind of rows -> how many of them the model itself does not take.
        not_taken: kind of rows -> why the export refuses them, each of them, though the model would answer: only missing values, and only where the
            example has none.
        worst: the largest deviation.
        mean: the mean deviation.
        beyond: rows that deviate by more than 1e-5.
        beyond_tolerance: rows that deviate by more than the tolerance.
        changed_labels: rows whose label differs.
        allowed_labels: changed labels that the caller allows.
        differing: kind of rows -> how many deviate by more than the tolerance or have another label, where any does.
        worst_in: what answered worst, and the kind of row.
        worst_row: the values of that row, as text.
        methods: what was compared.
        failed: what the runtime said when it could not answer, or nothing.
        libraries: distribution -> version, of what made and ran the export.
    """

    target: str
    runtime: str
    plan: str
    tolerance: float
    rows: dict[str, int] = {}
    left_out: dict[str, str] = {}
    not_taken: dict[str, str] = {}
    worst: float = 0.0
    mean: float = 0.0
    beyond: int = 0
    beyond_tolerance: int = 0
    changed_labels: int = 0
    allowed_labels: int = 0
    differing: dict[str, int] = {}
    worst_in: str = ""
    worst_row: list[str] = []
    methods: list[str] = []
    failed: str = ""
    libraries: dict[str, str] = {}
    left_out_rows: dict[str, int] = {}

    @property
    def ok(self) -> bool:
        """Whether the export may be handed over."""
        return not self.failed and bool(self.methods) and not self.beyond_tolerance and self.changed_labels <= self.allowed_labels

    @property
    def count(self) -> int:
        """Rows replayed, of all kinds."""
        return sum(self.rows.values())

    def __str__(self) -> str:
        lines = [f"{'proven' if self.ok else 'NOT proven'}: {self.count} rows in {self.runtime}, plan {self.plan}"]
        lines.append(f"  worst deviation {self.worst:.3g}, mean {self.mean:.3g}; tolerance {self.tolerance:g}")
        lines.append(f"  {self.beyond} rows beyond {CLOSE:g}, {self.beyond_tolerance} beyond the tolerance, {self.changed_labels} changed labels")
        lines.append("  rows: " + ", ".join(f"{kind} {count}" for kind, count in self.rows.items()))
        if self.left_out:
            lines.append("  the model itself does not take: " + ", ".join(f"{kind} {self.left_out_rows.get(kind, '')}".strip() for kind in self.left_out))
        if self.not_taken:
            lines.append("  refused by the export, which answers none of them: " + ", ".join(self.not_taken))
        if self.differing:
            lines.append("  differing: " + ", ".join(f"{kind} {count}" for kind, count in self.differing.items()))
        if (self.worst > 0 or self.changed_labels) and self.worst_row:
            lines.append(f"  worst in {self.worst_in}: {', '.join(self.worst_row)}")
        if self.failed:
            lines.append(f"  the runtime could not answer: {self.failed}")
        return "\n".join(lines)
