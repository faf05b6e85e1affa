-- Columns of tables in regions that the catalogue does not have: dropped, or still to be entered.
alter table vectorgate.debris
    add column column_id uuid, -- null: the whole table
    -- true: noted before it is made, so that it is removed if it is never entered in the catalogue
    add column pending boolean not null default false;
