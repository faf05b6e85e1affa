-- Roles that organizations make for themselves; the built-in ones are in the code. Tokens have roles by name.

create table vectorgate.role (
    id uuid primary key,
    organization_id uuid not null references vectorgate.organization,
    name text not null,
    permissions text[] not null check (cardinality(permissions) > 0),
    description text not null,
    created_at timestamptz not null default now(),
    constraint role_name_is_unique unique (organization_id, name)
);
