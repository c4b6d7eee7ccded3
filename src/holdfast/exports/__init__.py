"""Exports: one-way translations of a model for another runtime, each handed over with the proof that it answers as the model.

The one rule: what was not replayed in its own runtime is not handed over.
"""
