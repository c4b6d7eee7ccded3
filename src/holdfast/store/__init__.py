"""Many artifacts with their history: blobs by digest, records of every change, and a catalog that is made from them.

The one rule: ``docs/store.md`` says what is written, and in which order.
"""
