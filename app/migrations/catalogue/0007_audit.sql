-- The audit log is added to and read, and nothing else. Triggers say so aloud: to a policy alone, a change would be of no rows.
-- Whoever owns the table can disable them, which is how an operator takes out events that are exported (see SECURITY.md).

-- Who it was beyond doubt: the access token's id, or that of the identity provider's subject. A name can come back with another
-- token. Null: the gateway itself, its operator, or an event of before.
alter table vectorgate.audit_event add column actor_id uuid;

create function vectorgate.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception using errcode = 'insufficient_privilege',
        message = format('%I is added to only: %s is refused', tg_table_name, lower(tg_op));
end $$;

create trigger is_added_to_only before update or delete or truncate on vectorgate.audit_event
    for each statement execute function vectorgate.refuse_change();

drop policy of_organization on vectorgate.audit_event;
create policy read_by_organization on vectorgate.audit_event for select using (vectorgate.is_ours(organization_id));
create policy added_by_organization on vectorgate.audit_event for insert with check (vectorgate.is_ours(organization_id));

-- The keys that may seal, each by a fingerprint that tells nothing of it: another key under an id that is known is a mistake.
create table vectorgate.encryption_key (
    id text primary key,
    fingerprint bytea not null,
    known_since timestamptz not null default now()
);
