-- The tables that had no owners yet get them: the organization that a connection works for, wherever a statement does not say it.
-- Rows of before this migration have none, and stay visible: writes go by them. They hold ids, keys of documents and counts.
create function vectorgate_region.own() returns uuid stable language sql as
    $$ select nullif(nullif(current_setting('vectorgate.organization', true), '*'), '')::uuid $$;

do $$
declare
    owned text;
begin
    foreach owned in array array['idempotency', 'table_version', 'capture', 'change'] loop
        execute format('alter table vectorgate_region.%I add column organization_id uuid default vectorgate_region.own()', owned);
        execute format('alter table vectorgate_region.%I enable row level security, force row level security', owned);
        execute format(
            'create policy of_organization on vectorgate_region.%I
                using (organization_id is null or vectorgate_region.is_ours(organization_id))', owned);
    end loop;
end $$;

-- Events that wait here are added, and removed once the catalogue has them; none is changed, and never all of them at once.
alter table vectorgate_region.audit_outbox add column actor_id uuid;

create function vectorgate_region.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception using errcode = 'insufficient_privilege',
        message = format('%I is added to, and emptied into the catalogue: %s is refused', tg_table_name, lower(tg_op));
end $$;

create trigger is_never_changed before update or truncate on vectorgate_region.audit_outbox
    for each statement execute function vectorgate_region.refuse_change();
