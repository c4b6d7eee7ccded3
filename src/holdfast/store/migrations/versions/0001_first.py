"""The first form of the catalog."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table('about',
    sa.Column('key', sa.String(length=40), nullable=False),
    sa.Column('value', sa.String(length=200), nullable=False),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_about'))
    )
    op.create_table('artifact',
    sa.Column('id', sa.String(length=80), nullable=False),
    sa.Column('content', sa.String(length=80), nullable=False),
    sa.Column('type', sa.String(length=300).with_variant(sa.String(length=300, collation='C'), 'postgresql'), nullable=False),
    sa.Column('size', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_artifact'))
    )
    op.create_index(op.f('ix_artifact_content'), 'artifact', ['content'], unique=False)
    op.create_index(op.f('ix_artifact_size'), 'artifact', ['size'], unique=False)
    op.create_table('blob',
    sa.Column('digest', sa.String(length=80), nullable=False),
    sa.Column('size', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('condemned', sa.Float(), nullable=True),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_blob'))
    )
    op.create_table('model',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200).with_variant(sa.String(length=200, collation='C'), 'postgresql'), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('next_number', sa.Integer(), nullable=False),
    sa.Column('latest', sa.Integer(), nullable=True),
    sa.Column('versions', sa.Integer(), nullable=False),
    sa.Column('changed', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_model')),
    sa.UniqueConstraint('name', name=op.f('uq_model_name'))
    )
    op.create_table('session',
    sa.Column('id', sa.String(length=32), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('began', sa.Float(), nullable=False),
    sa.Column('ends', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session'))
    )
    op.create_table('stray',
    sa.Column('artifact', sa.String(length=80), nullable=False),
    sa.Column('since', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('artifact', name=op.f('pk_stray'))
    )
    op.create_table('artifact_blob',
    sa.Column('artifact', sa.String(length=80), nullable=False),
    sa.Column('blob', sa.String(length=80), nullable=False),
    sa.ForeignKeyConstraint(['artifact'], ['artifact.id'], name=op.f('fk_artifact_blob_artifact'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['blob'], ['blob.digest'], name=op.f('fk_artifact_blob_blob'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('artifact', 'blob', name=op.f('pk_artifact_blob'))
    )
    op.create_index(op.f('ix_artifact_blob_blob'), 'artifact_blob', ['blob'], unique=False)
    op.create_table('event',
    sa.Column('model', sa.Integer(), nullable=False),
    sa.Column('seq', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    sa.Column('who', sa.String(length=200), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=True),
    sa.Column('alias', sa.String(length=200), nullable=True),
    sa.Column('old', sa.Integer(), nullable=True),
    sa.Column('new', sa.Integer(), nullable=True),
    sa.Column('key', sa.String(length=200), nullable=True),
    sa.Column('value', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['model'], ['model.id'], name=op.f('fk_event_model'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('model', 'seq', name=op.f('pk_event'))
    )
    op.create_index('ix_event_model_alias_seq', 'event', ['model', 'alias', 'seq'], unique=False)
    op.create_table('session_artifact',
    sa.Column('session', sa.String(length=32), nullable=False),
    sa.Column('artifact', sa.String(length=80), nullable=False),
    sa.ForeignKeyConstraint(['session'], ['session.id'], name=op.f('fk_session_artifact_session'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('session', 'artifact', name=op.f('pk_session_artifact'))
    )
    op.create_index(op.f('ix_session_artifact_artifact'), 'session_artifact', ['artifact'], unique=False)
    op.create_table('session_blob',
    sa.Column('session', sa.String(length=32), nullable=False),
    sa.Column('blob', sa.String(length=80), nullable=False),
    sa.ForeignKeyConstraint(['blob'], ['blob.digest'], name=op.f('fk_session_blob_blob'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['session'], ['session.id'], name=op.f('fk_session_blob_session'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('session', 'blob', name=op.f('pk_session_blob'))
    )
    op.create_index(op.f('ix_session_blob_blob'), 'session_blob', ['blob'], unique=False)
    op.create_table('version',
    sa.Column('model', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('artifact', sa.String(length=80), nullable=False),
    sa.Column('at', sa.Float(), nullable=False),
    sa.Column('who', sa.String(length=200).with_variant(sa.String(length=200, collation='C'), 'postgresql'), nullable=False),
    sa.Column('note', sa.Text(), nullable=False),
    sa.Column('parent', sa.String(length=300), nullable=True),
    sa.Column('data', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('origin', sa.Text(), nullable=False),
    sa.Column('card', sa.String(length=80), nullable=True),
    sa.ForeignKeyConstraint(['artifact'], ['artifact.id'], name=op.f('fk_version_artifact'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['card'], ['blob.digest'], name=op.f('fk_version_card'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['model'], ['model.id'], name=op.f('fk_version_model'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('model', 'n', name=op.f('pk_version'))
    )
    op.create_index(op.f('ix_version_artifact'), 'version', ['artifact'], unique=False)
    op.create_index(op.f('ix_version_at'), 'version', ['at'], unique=False)
    op.create_index(op.f('ix_version_card'), 'version', ['card'], unique=False)
    op.create_table('alias',
    sa.Column('model', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['model', 'n'], ['version.model', 'version.n'], name=op.f('fk_alias_model_n'), ondelete='RESTRICT'),
    sa.PrimaryKeyConstraint('model', 'name', name=op.f('pk_alias'))
    )
    op.create_table('attachment',
    sa.Column('model', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('media_type', sa.String(length=200), nullable=False),
    sa.Column('blob', sa.String(length=80), nullable=False),
    sa.ForeignKeyConstraint(['blob'], ['blob.digest'], name=op.f('fk_attachment_blob'), ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['model', 'n'], ['version.model', 'version.n'], name=op.f('fk_attachment_model_n'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('model', 'n', 'name', name=op.f('pk_attachment'))
    )
    op.create_index(op.f('ix_attachment_blob'), 'attachment', ['blob'], unique=False)
    op.create_table('metric',
    sa.Column('model', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('number', sa.Float(), nullable=True),
    sa.Column('text', sa.String(length=1000).with_variant(sa.String(length=1000, collation='C'), 'postgresql'), nullable=True),
    sa.ForeignKeyConstraint(['model', 'n'], ['version.model', 'version.n'], name=op.f('fk_metric_model_n'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('model', 'n', 'key', name=op.f('pk_metric'))
    )
    op.create_index('ix_metric_key_number_model_n', 'metric', ['key', 'number', 'model', 'n'], unique=False)
    op.create_table('tag',
    sa.Column('model', sa.Integer(), nullable=False),
    sa.Column('n', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=False),
    sa.Column('value', sa.String(length=1000).with_variant(sa.String(length=1000, collation='C'), 'postgresql'), nullable=False),
    sa.ForeignKeyConstraint(['model', 'n'], ['version.model', 'version.n'], name=op.f('fk_tag_model_n'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('model', 'n', 'key', name=op.f('pk_tag'))
    )
    op.create_index('ix_tag_key_value_model_n', 'tag', ['key', 'value', 'model', 'n'], unique=False)
