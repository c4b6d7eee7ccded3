"""Expressions over columns: a small language, its parser, its evaluation, and its forms in ONNX and PMML.

The one rule: a text is data. It is parsed here into a tree of our own and evaluated here; nothing is ever given to ``eval``.

To add a function: a line in ``formula/table.py``.
"""
