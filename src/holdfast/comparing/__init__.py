"""How two models differ: what they say of themselves, their tensors, and their answers to the same rows.

The one rule: only what differs is said; two artifacts are the same model exactly when their content digests agree.
"""
