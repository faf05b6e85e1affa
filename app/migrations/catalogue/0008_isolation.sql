-- The tables that had no owners yet get them: the organization that a connection works for, wherever a statement does not say it.
-- A call's outcome of before this migration has none: it stays readable for the day that it is kept.
create function vectorgate.own() returns uuid stable language sql as
    $$ select nullif(nullif(current_setting('vectorgate.organization', true), '*'), '')::uuid $$;

alter table vectorgate.idempotency add column organization_id uuid default vectorgate.own();
update vectorgate.idempotency i set organization_id = t.organization_id from vectorgate.access_token t where t.id = i.token_id;
alter table vectorgate.idempotency enable row level security, force row level security;
create policy of_organization on vectorgate.idempotency using (organization_id is null or vectorgate.is_ours(organization_id));

-- Of work that nobody asked for, the debris has no owner; the sweep, which sees all, removes it.
alter table vectorgate.debris add column organization_id uuid default vectorgate.own();
alter table vectorgate.debris enable row level security, force row level security;
create policy of_organization on vectorgate.debris using (vectorgate.is_ours(organization_id));

alter table vectorgate.organization enable row level security, force row level security;
create policy of_organization on vectorgate.organization using (vectorgate.is_ours(id));

-- Who asks is still read before it is known who asks, but by functions that answer one caller's facts and nothing else.
drop policy read_before_it_is_known_who_asks on vectorgate.role;
drop function vectorgate.token_of(bytea);

create function vectorgate.allowed(organization uuid, names text[]) returns text[] stable language sql as
    $$ select array(select unnest(r.permissions) from vectorgate.role r where r.organization_id = organization and r.name = any(names)) $$;

-- They see all organizations while they look, and say so by set_config: the SET clause of a function needs a superuser's login for it.
-- One token by its secret's hash, with its organization and what those of its roles allow that the organization has made.
create function vectorgate.token_of(hash bytea) returns table (
    id uuid, name text, roles text[], database_ids uuid[], expires_at timestamptz, revoked_at timestamptz,
    organization_id uuid, organization_name text, organization_created_at timestamptz, permissions text[]
) language plpgsql rows 1 as $$
#variable_conflict use_column
declare
    told text := coalesce(current_setting('vectorgate.organization', true), '');
begin
    perform set_config('vectorgate.organization', '*', true);
    return query
        select t.id, t.name, t.roles, t.database_ids, t.expires_at, t.revoked_at,
            o.id, o.name, o.created_at, vectorgate.allowed(o.id, t.roles)
        from vectorgate.access_token t join vectorgate.organization o on o.id = t.organization_id
        where t.secret_hash = hash;
    perform set_config('vectorgate.organization', told, true);
end $$;

-- The organization of the settings by its name, with those of the named roles that it has made, for whom the identity provider vouches.
create function vectorgate.home_of(organization text, names text[]) returns table (
    id uuid, name text, created_at timestamptz, roles text[], permissions text[]
) language plpgsql rows 1 as $$
#variable_conflict use_column
declare
    told text := coalesce(current_setting('vectorgate.organization', true), '');
begin
    perform set_config('vectorgate.organization', '*', true);
    return query
        select o.id, o.name, o.created_at,
            array(select r.name from vectorgate.role r where r.organization_id = o.id and r.name = any(names)),
            vectorgate.allowed(o.id, names)
        from vectorgate.organization o where o.name = organization;
    perform set_config('vectorgate.organization', told, true);
end $$;
