-- What organizations own and allow. One schema in one cluster; the data itself is in the regions.

create table vectorgate.organization (
    id uuid primary key,
    name text not null constraint organization_name_is_unique unique,
    created_at timestamptz not null default now()
);

create table vectorgate.integration (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    provider text not null,
    created_at timestamptz not null default now(),
    constraint integration_is_enabled_once unique (organization_id, provider)
);

create table vectorgate.credential (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    integration_id uuid not null constraint credential_belongs_to_integration references vectorgate.integration,
    name text not null,
    sealed text not null,
    hint text not null,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    rotated_at timestamptz,
    last_used_at timestamptz,
    -- the secret before the last rotation: all five null, or none
    previous_sealed text,
    previous_hint text,
    previous_version integer,
    previous_created_at timestamptz,
    previous_expires_at timestamptz,
    constraint credential_name_is_unique unique (integration_id, name),
    check (num_nulls(previous_sealed, previous_hint, previous_version, previous_created_at, previous_expires_at) in (0, 5))
);
create index on vectorgate.credential (organization_id);
create index on vectorgate.credential (previous_expires_at) where previous_expires_at is not null;

create table vectorgate.database (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    name text not null,
    region text not null,
    status text not null default 'INITIALIZING' check (status in ('INITIALIZING', 'ACTIVE', 'ERROR')),
    created_at timestamptz not null default now(),
    constraint database_name_is_unique unique (organization_id, name)
);

create table vectorgate.scoped_database (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    credential_id uuid not null references vectorgate.credential on delete cascade,
    database_id uuid not null references vectorgate.database on delete cascade,
    added_at timestamptz not null default now(),
    constraint database_is_in_scope_once unique (credential_id, database_id)
);
create index on vectorgate.scoped_database (database_id);

-- Collections and tables share one space of names in their database.
create table vectorgate.target (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    database_id uuid not null constraint target_belongs_to_database references vectorgate.database,
    kind text not null check (kind in ('COLLECTION', 'TABLE')),
    name text not null,
    dimension integer,
    metric text check (metric in ('COSINE', 'DOT_PRODUCT', 'EUCLIDEAN')),
    status text not null default 'INITIALIZING' check (status in ('INITIALIZING', 'ACTIVE')), -- INITIALIZING: not seen by anyone
    created_at timestamptz not null default now(),
    constraint target_name_is_unique unique (database_id, name)
);
create index on vectorgate.target (organization_id);

-- Schemas and tables in regions whose catalogue rows are gone: dropped at once if the region answers, else by the sweep.
create table vectorgate.debris (
    id uuid primary key,
    region text not null,
    database_id uuid not null,
    target_id uuid, -- null: the database's whole schema
    created_at timestamptz not null default now()
);

-- An integration in use. It points to a credential by name: one that is made again with the same name is found again.
create table vectorgate.attachment (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    target_id uuid not null references vectorgate.target on delete cascade,
    column_name text,
    provider text not null,
    integration_id uuid constraint attachment_uses_integration references vectorgate.integration, -- null: hosted
    credential_name text,
    model text not null,
    dimension integer not null,
    parameters jsonb not null,
    created_at timestamptz not null default now(),
    constraint one_attachment_a_column unique nulls not distinct (target_id, column_name),
    check ((integration_id is null) = (credential_name is null))
);
create index on vectorgate.attachment (organization_id, provider);
create index on vectorgate.attachment (integration_id, credential_name);

create table vectorgate.access_token (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    name text not null,
    secret_hash bytea not null constraint access_token_secret_is_unique unique,
    hint text not null,
    roles text[] not null,
    database_ids uuid[], -- null: all
    bootstrap boolean not null default false,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
create unique index access_token_name_is_unique on vectorgate.access_token (organization_id, name) where revoked_at is null;
create unique index one_bootstrap_token on vectorgate.access_token (bootstrap) where bootstrap;

create table vectorgate.audit_event (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    number bigint generated always as identity, -- in an organization, in the order of the commits
    occurred_at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    target_id text,
    target_name text,
    outcome text not null,
    details jsonb not null,
    request_id text not null,
    address text not null
);
create index on vectorgate.audit_event (organization_id, id);
create index on vectorgate.audit_event (organization_id, number);
create index on vectorgate.audit_event (organization_id, action, id);
create index on vectorgate.audit_event (organization_id, target_id, id);

-- Outcomes of calls that carried an idempotency key, for a day.
create table vectorgate.idempotency (
    token_id uuid not null,
    key text not null,
    input_hash bytea not null,
    outcome jsonb not null,
    created_at timestamptz not null default now(),
    primary key (token_id, key)
);
create index on vectorgate.idempotency (created_at);
