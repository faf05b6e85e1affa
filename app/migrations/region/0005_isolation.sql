-- As in the catalogue: what organizations have here, beside the schemas of their databases, exists for their connections only.

create function vectorgate_region.is_ours(organization uuid) returns boolean stable language sql as
    $$ select current_setting('vectorgate.organization', true) in ('*', organization::text) $$;

alter table vectorgate_region.query_vector enable row level security, force row level security;
create policy of_organization on vectorgate_region.query_vector using (vectorgate_region.is_ours(organization_id));

alter table vectorgate_region.usage enable row level security, force row level security;
create policy of_organization on vectorgate_region.usage using (vectorgate_region.is_ours(organization_id));
