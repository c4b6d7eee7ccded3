"""Bytes to trees and back: the native format. No file is opened here, and no model is seen.

The one rule: one value, one encoding; whatever differs from it is refused. ``docs/format.md`` is normative.
"""
