-- What providers were asked for, beside the data that it was asked for: a write's usage is committed with the write.

create table vectorgate_region.usage (
    at timestamptz not null default now(),
    organization_id uuid not null,
    provider text not null,
    model text not null,
    credential_name text,
    database_id uuid not null,
    database_name text not null,
    target_id uuid not null,
    target_name text not null,
    requests bigint not null,
    texts bigint not null,
    cached_texts bigint not null,
    errors bigint not null,
    total_tokens bigint, -- null: no request of it reported any
    unreported_requests bigint not null
);
create index on vectorgate_region.usage (organization_id, at);
create index on vectorgate_region.usage (at);
