-- Audit events of writes in a cluster that is not the catalogue's: committed with the write, and moved to the catalogue from here.

create table vectorgate_region.audit_outbox (
    id uuid primary key,
    organization_id uuid not null,
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
alter table vectorgate_region.audit_outbox enable row level security, force row level security;
create policy of_organization on vectorgate_region.audit_outbox using (vectorgate_region.is_ours(organization_id));
