"""What Alembic runs; the connection, in its transaction, is handed over by `holdfast.store.migrating`.

The one rule: nothing is run but in a transaction of the caller's.
"""

from alembic import context

from holdfast.store.catalog import tables

# outside of a run of Alembic's, as when the package is walked, there is no configuration
config = getattr(context, "config", None)
if config is not None:
    context.configure(connection=config.attributes["connection"], target_metadata=tables, transactional_ddl=True)
    context.run_migrations()
