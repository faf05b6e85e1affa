-- What every region's cluster carries beside the databases' own schemas.

create schema if not exists vectorgate_region;

-- Query vectors of text searches, so that page 2 compares with the very vector of page 1. Lost on a crash: embedded again then.
create unlogged table vectorgate_region.query_vector (
    id uuid primary key,
    organization_id uuid not null,
    vector bytea not null,
    model text not null,
    expires_at timestamptz not null
);
create index on vectorgate_region.query_vector (expires_at);

-- Outcomes of writes that carried an idempotency key, committed with the write itself.
create table vectorgate_region.idempotency (
    token_id uuid not null,
    key text not null,
    input_hash bytea not null,
    outcome jsonb not null,
    created_at timestamptz not null default now(),
    primary key (token_id, key)
);
create index on vectorgate_region.idempotency (created_at);
