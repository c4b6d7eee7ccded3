"""Verifying: every digest, and the example asked again.

The one rule: digests come first; nothing is built from bytes that do not match them.
"""

from __future__ import annotations

from collections.abc import Callable

from holdfast.artifact.environment import python_version
from holdfast.artifact.load import Opening
from holdfast.artifact.replay import Proof, replay
from holdfast.trust.policy import Policy


def verify_opening(opening: Opening, policy: Policy, tolerance: float, on_bytes: Callable[[int], None] | None = None) -> Proof:
    """Return the proof for an opened artifact; see `holdfast.verify`."""
    opening.check_digests(on_bytes)
    assert opening.opened is not None
    example = opening.example()
    model = opening.load(policy)
    if example is None:
        return Proof(opening.id, "no example", digests=True, tolerance=tolerance, python=python_version())
    return replay(model, example, opening.opened.manifest, opening.id, tolerance, digests=True)
