-- Changes of a collection while a job fills another one from it: their keys, noted with the write itself.

create table vectorgate_region.capture (
    job_id uuid primary key,
    attempt integer not null, -- of the worker that may work on it (see vectorgate.job)
    closed_until timestamptz -- writes are refused until then, and sent again by the gateway: the last of them are being taken over
);

create table vectorgate_region.change (
    id bigint generated always as identity primary key,
    job_id uuid not null,
    key text collate "C" not null
);
create index on vectorgate_region.change (job_id, id);

-- The lock is held until the write is over: who takes it alone knows that no write is under way, and lets none begin.
create function vectorgate_region.note_change() returns trigger language plpgsql as $$
declare
    job constant uuid := tg_argv[0];
    closed boolean;
begin
    perform pg_advisory_xact_lock_shared(tg_argv[1]::bigint);
    select coalesce(closed_until > clock_timestamp(), false) into closed from vectorgate_region.capture where job_id = job;
    if closed then
        raise exception using errcode = 'VG001', message = 'closed for a moment';
    end if;
    if closed is not null then
        insert into vectorgate_region.change (job_id, key) select job, key from changed;
    end if;
    return null;
end $$;
