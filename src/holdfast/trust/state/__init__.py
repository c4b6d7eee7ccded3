"""Proofs that a rebuilt object's state cannot crash or hang native code: plain arrays in, nothing or ``InvalidState`` out.

The one rule: these modules know numpy and nothing above it, so they run before the library of a type is imported.
One file per family; each check takes the fields of one object, already decoded, and the text of its place in the model.
"""
