"""Frozen data that every other folder may use: trees, digests, dtypes, signatures, manifests, proofs.

The one rule: nothing here opens a file, imports a machine-learning library or decides about trust.
"""
