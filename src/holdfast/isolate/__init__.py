"""The child process: where code and C libraries run that nobody here trusts.

The one rule: what a child cannot be kept from is said; a level that was asked for and not reached is an error.
"""
