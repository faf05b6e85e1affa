-- Collections that are filled without their vector index, which is to be built then. What outlives its process is finished by a job.

create table vectorgate_region.loading (
    collection_id uuid primary key,
    organization_id uuid not null,
    begun_at timestamptz not null default now()
);
alter table vectorgate_region.loading enable row level security, force row level security;
create policy of_organization on vectorgate_region.loading using (vectorgate_region.is_ours(organization_id));
