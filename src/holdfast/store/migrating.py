"""Making a catalog's tables, and bringing older ones to today's form.

The one rule: all steps that are wanted are made in one transaction, or none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.store import catalog

FOLDER = Path(__file__).parent / "migrations"


def migrate(on: Any) -> None:
    """Make what is missing, in the transaction of a connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = on
    command.upgrade(config, "head")
    said = sa.select(catalog.about.c.value).where(catalog.about.c.key == "format")
    if on.scalar(said) is None:
        on.execute(sa.insert(catalog.about).values(key="format", value=str(catalog.FORMAT)))
    else:
        on.execute(sa.update(catalog.about).where(catalog.about.c.key == "format").values(value=str(catalog.FORMAT)))


def differences(on: Any) -> list[Any]:
    """Return in what the tables that are there differ from those of `catalog`; for tests and `check`."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    return list(compare_metadata(MigrationContext.configure(on), catalog.tables))
