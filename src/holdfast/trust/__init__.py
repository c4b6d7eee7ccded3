"""What may be loaded: the lists of trusted types (data), the policy of one call, and the plan that follows from both.

The one rule: the file can name things and never decide about them; nothing of this folder imports what a file names.
"""
