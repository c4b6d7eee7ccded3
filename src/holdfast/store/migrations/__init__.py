"""How a catalog of an older format becomes one of today's; Alembic's steps, in `versions`.

The one rule: a step that was released is never changed; what is to be different is a new step.
"""
