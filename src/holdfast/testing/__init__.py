"""The zoo of fitted estimators and the comparisons, shipped for people who write adapters; nothing else imports it.

The one rule: what is here is for tests; importing it imports no machine-learning library.
"""
