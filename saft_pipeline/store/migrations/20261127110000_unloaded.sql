-- One index for all that a page lists by state and is not loaded, what waits included: running files
-- are found by their claim.

create index invoice_files_unloaded on public.invoice_files (status, id)
    where is_current and status in ('pending', 'failed', 'unreadable', 'gone', 'incomplete');

drop index public.invoice_files_attention;

insert into saft.migrations (version, name) values ('20261127110000', 'unloaded');
