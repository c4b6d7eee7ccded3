"""The command line: one file a command.

The one rule: data on stdout, talk on stderr, an exit code that says what happened, never a traceback.
"""
