"""Versions as OCI artifacts: in one file, an image layout in a tar, and in registries.

The one rule: a layer is named by its SHA-256, as OCI wants it, and what a store takes out of it is named by its BLAKE3 digest, and compared with both.
"""
