-- Tables: their typed columns, and how each vector column is kept, embedded and indexed.

-- Raised with every change that a write must know of: a write that was prepared before such a change is prepared anew.
alter table vectorgate.target add column version integer not null default 1;

create table vectorgate.table_column (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    target_id uuid not null references vectorgate.target on delete cascade,
    name text not null,
    type text not null check (type in ('TEXT', 'INT', 'BIGINT', 'DOUBLE', 'BOOLEAN', 'TIMESTAMP', 'UUID', 'JSON', 'VECTOR')),
    nullable boolean not null,
    position integer not null,
    key_position integer, -- in the primary key, from 1
    dimension integer,
    source_column_id uuid constraint source_column_is_a_column references vectorgate.table_column,
    -- being filled by a job, under the name that the column it replaces will then have; not seen by anyone
    migrating boolean not null default false,
    -- another has taken its place: searches that name no column pass it over
    retired boolean not null default false,
    index_name text,
    index_metric text check (index_metric in ('COSINE', 'DOT_PRODUCT', 'EUCLIDEAN')),
    index_status text check (index_status in ('BUILDING', 'READY', 'FAILED')),
    constraint column_name_is_unique unique (target_id, name),
    constraint index_name_is_unique unique (target_id, index_name),
    check ((type = 'VECTOR') = (dimension is not null)),
    check (num_nulls(index_name, index_metric, index_status) in (0, 3))
);
create index on vectorgate.table_column (source_column_id);

alter table vectorgate.attachment
    drop constraint one_attachment_a_column,
    drop column column_name,
    add column column_id uuid constraint attachment_is_of_column references vectorgate.table_column on delete cascade, -- null: a collection's
    add constraint one_attachment_a_column unique nulls not distinct (target_id, column_id);
