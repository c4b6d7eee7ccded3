"""One saved model: pack, unpack, verify, and the file on disk.

The one rule: a file appears under its name whole, digested and, where an example was given, replayed; or not at all.
"""
