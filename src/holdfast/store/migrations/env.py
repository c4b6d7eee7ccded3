"""What Alembic runs; the connection, in its transaction, is handed over by `holdfast.store.migrating`."""

from alembic import context

from holdfast.store.catalog import tables

context.configure(connection=context.config.attributes["connection"], target_metadata=tables, transactional_ddl=True)
context.run_migrations()
