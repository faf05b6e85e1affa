-- The version of a table that writes must not fall behind (see vectorgate.target); a table without a row was never changed.

create table vectorgate_region.table_version (
    table_id uuid primary key,
    version integer not null
);
