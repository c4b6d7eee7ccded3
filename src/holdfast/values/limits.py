"""Every limit that a reader enforces, with its unit and its reason, and nothing else.

The one rule: a limit is checked before the memory or the time that it bounds is spent.
"""

from __future__ import annotations

HEADER_BYTES = 64 * 1024 * 1024
"""Bytes of JSON header. The reference safetensors reader stops at 100 MB; 64 MiB names about 600,000 tensors."""

TREE_BYTES = 2 * 1024 * 1024 * 1024
"""Bytes of one encoded tree. A vocabulary of ten million words takes 200 MB."""

MANIFEST_BYTES = 256 * 1024 * 1024
"""Bytes of JSON manifest: about 130 bytes a tensor, plus names, parameters and metrics."""

TENSORS = 500_000
"""Tensors in one file: a parameter tensor each for the largest published nets is below 10,000."""

TENSOR_NAME_BYTES = 512
"""UTF-8 bytes of one tensor name; longer paths are shortened by the writer."""

DIMENSIONS = 64
"""Axes of one array: numpy 2's own limit."""

TENSOR_ELEMENTS = 2**62
"""Elements of one tensor, so that products stay within a signed 64-bit integer."""

TABLES = 200_000
"""Tables in one tree: a chain of 100,000 nested tuples needs 100,000."""

NODES = 200_000_000
"""Objects in one tree. Each costs at least 56 bytes of Python once built."""

FREE_CELLS = 4_000_000
"""Nodes and cells that a tree may have beyond those its bytes pay for: a constant column of a million rows takes three bytes."""

COPIES_PER_BYTE = 8
"""Items and bytes that the calls of a foreign file may be given for one of its bytes, beyond FREE_COPIES: a pickler gives each thing once."""

FREE_COPIES = 4_000_000
"""Items and bytes that the calls of a small foreign file may be given."""

CELLS_PER_BYTE = 16
"""Nodes and cells for one byte of the tree, beyond FREE_CELLS; the writer stays below 6."""

KEY_DEPTH = 200
"""Nesting of tuples and frozen sets inside a key or an item of a set: hashing recurses in C, without a check."""

KEY_PARTS = 1_000_000
"""Parts of one key, shared ones counted each time: hashing visits them all."""

SAME_HASH = 1000
"""Keys of one dict, or items of one set, that share a hash: building compares every two of them, half a million times here."""

VIEW_ELEMENTS = 1024
"""Elements of a window for one byte of its buffer, beyond a million: overlapping windows are legal, endless ones are not."""

FIELDS = 65_536
"""Attributes of one object, or keys of one record-like dict."""

TYPE_NAME_BYTES = 256
"""UTF-8 bytes of one type name."""

INT_DIGITS = 1_000_000
"""Hexadecimal digits of one integer beyond 64 bits: the largest known use is a 20,000-bit key."""

SEED_BITS = 65_536
"""Bits of one integer in the seed of a random generator: numpy takes quadratic time to cut it into words."""

PATTERN = 100_000
"""Characters of one regular expression: compiling a long one takes long."""

SEED_POOL = 4096
"""Words in the pool of a seed sequence; numpy's default is 4."""

DTYPE_DEPTH = 8
"""Nesting of structured dtypes."""

DTYPE_FIELDS = 4096
"""Fields of one structured dtype."""

SHOWN_TYPES = 20
"""Untrusted types that one refusal names in full; the rest are counted."""

JSON_DEPTH = 64
"""Nesting of the header's and the manifest's JSON; a parser recurses once a level."""

DECODED_BYTES_PER_STORED = 1000
"""Decoded bytes for one stored byte of a compressed tensor; zero-filled arrays reach 30,000 in small tensors, see SMALL_DECODED."""

SMALL_DECODED = 64 * 1024 * 1024
"""Bytes below which the ratio of a compressed tensor is not looked at."""

LZMA_MEMORY = 512 * 1024 * 1024
"""Bytes that decompressing LZMA may take for itself; the dictionary of its highest preset takes 64 MiB."""

NPY_HEADER = 1024 * 1024
"""Bytes of the header of one .npy file; numpy's own readers stop at 10,000 characters unless told otherwise."""

ARCHIVE_MEMBERS = 100_000
"""Members of one zip archive: the largest checkpoints have a few thousand."""

SKOPS_DEPTH = 900
"""Nesting of the nodes of a skops schema; Python follows about a thousand calls, and skops writes no deeper than that itself."""

MLMODEL_BYTES = 1024 * 1024
"""Bytes of the MLmodel file of an MLflow folder; a signature of a thousand columns takes 80 kB."""

EXAMPLE_JSON_BYTES = 64 * 1024 * 1024
"""Bytes of the example of an MLflow folder that is taken over; a larger one is left behind."""

EXPRESSION_CHARACTERS = 10_000
"""Characters of one expression: Python's parser, which reads it first, takes time and stack by its length."""

EXPRESSION_DEPTH = 150
"""Nesting of one expression; a sum of 150 terms nests so deep. What reads a tree recurses once or twice a level."""

EXPRESSION_NODES = 2000
"""Numbers, columns and operations of one expression: each is an array of some thousand rows while it is evaluated."""

EXPRESSIONS = 1000
"""Expressions of one transformer: each is a column of its answer."""

QUERY_CHARACTERS = 10_000
"""Characters of one question to a store's `search`."""

QUERY_DEPTH = 20
"""Nesting of parentheses and `not` in one question: the parser of SQLite has a stack of a hundred places, and a level takes three."""

QUERY_CONDITIONS = 100
"""Conditions of one question: each is a subquery, and databases bound how many they take."""

QUERY_VALUES = 500
"""Values of one question: each is a parameter, and times in a list are conditions that nest in SQLite, which takes a thousand levels."""

QUERY_WILDCARDS = 8
"""Signs `%` in one pattern of `like`: matching tries every place for each."""

TREE_NODES = 20_000_000
"""Nodes of all trees in one ONNX export, a copy for each class: at 40 bytes a node this is below the two gigabytes of one protobuf message."""

EXPORT_BYTES = 1_900_000_000
"""Bytes of one ONNX file that is written or read: protobuf stops at two gigabytes. Larger weights go into a file beside it."""

EXTERNAL_BYTES = 64 * 1024**3
"""Bytes of the file with the weights of an ONNX graph."""

GRAPH_NODES = 1_000_000
"""Nodes of one ONNX graph, those of inner graphs included: the largest published nets have below 50,000."""

GRAPH_DEPTH = 16
"""Graphs inside graphs of one ONNX file: loops and branches nest, and checking them recurses."""

PMML_BYTES = 1_000_000_000
"""Bytes of one PMML file: a forest of 500 deep trees takes 300 MB."""

PMML_DEPTH = 300
"""Nesting of elements in a PMML file: trees nest a level for each of theirs. The time that jpmml-evaluator takes to open a file grows with the third
power of it: a second for 300 levels, half a minute for 900."""

CARD_BYTES = 1_000_000
"""Bytes of a model card: it is text for people, and read whole."""

ATTACHMENT_BYTES = 16_000_000
"""Bytes of an attachment: a signature or a report, read whole. Models and their exports go elsewhere."""

ATTACHMENTS = 100
"""Attachments of a version: each is a layer in a registry, which takes 500."""

PACK_MEMBERS = 1_000_000
"""Members of one pack: a thousand versions of a thousand blobs each; a reader takes half a kilobyte of memory for one."""
