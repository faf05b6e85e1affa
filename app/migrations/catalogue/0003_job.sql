-- Jobs: work that outlives its request. The rows that users see are the queue that workers take from.

create table vectorgate.job (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    database_id uuid not null, -- as target_id and result_id: a job is still told of when these are gone
    kind text not null check (kind in ('MIGRATE_COLLECTION', 'MIGRATE_VECTOR_COLUMN', 'EMBED_MISSING', 'BUILD_INDEX')),
    status text not null default 'QUEUED' check (status in ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    target_id uuid not null,
    target_name text not null,
    column_name text,
    result_id uuid,
    details jsonb not null, -- what its handler needs to know
    total integer not null default 0,
    processed integer not null default 0,
    failed integer not null default 0,
    error_code text,
    error text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    -- it has ended, and what it left behind is still to be cleared away
    unclean boolean not null default false,
    -- raised whenever a worker takes it or gives it back: what it still writes then is refused
    attempt integer not null default 0,
    -- no worker takes it before; the one that has taken it keeps moving this on
    not_before timestamptz not null default now(),
    check ((status in ('SUCCEEDED', 'FAILED', 'CANCELLED')) = (finished_at is not null)),
    check ((error_code is null) = (error is null))
);
create index on vectorgate.job (organization_id, id);
create index on vectorgate.job (organization_id, status, id);
create index on vectorgate.job (not_before) where status in ('QUEUED', 'RUNNING') or unclean;
create index on vectorgate.job (target_id) where status in ('QUEUED', 'RUNNING');
