-- A second lock beside the statements' own conditions: rows of another organization than the connection's do not exist for it.
-- `force`, since the gateway owns these tables. A connection that was not told whom it works for sees nothing.

create function vectorgate.is_ours(organization uuid) returns boolean stable language sql as
    $$ select current_setting('vectorgate.organization', true) in ('*', organization::text) $$;

-- Of every table that has owners. One that a later migration makes brings its own policy; a test says so.
do $$
declare
    owned text;
begin
    for owned in
        select c.relname from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'vectorgate'::regnamespace and c.relkind = 'r' and a.attname = 'organization_id'
    loop
        execute format('alter table vectorgate.%I enable row level security, force row level security', owned);
        execute format('create policy of_organization on vectorgate.%I using (vectorgate.is_ours(organization_id))', owned);
    end loop;
end $$;

-- Who asks is known by what is read here, so it is read before it is known: one token by its secret's hash, and names of roles.
create function vectorgate.token_of(hash bytea) returns setof vectorgate.access_token language plpgsql rows 1 as $$
declare
    told text := coalesce(current_setting('vectorgate.organization', true), '');
begin
    perform set_config('vectorgate.organization', '*', true);
    return query select * from vectorgate.access_token t where t.secret_hash = hash;
    perform set_config('vectorgate.organization', told, true);
end $$;
create policy read_before_it_is_known_who_asks on vectorgate.role for select using (true);
