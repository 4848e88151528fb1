-- What is not loaded, by source: the few of one are found beside the many of others.

drop index public.invoice_files_unloaded;
create index invoice_files_unloaded on public.invoice_files (source, status, id)
    where is_current and status in ('pending', 'failed', 'unreadable', 'gone', 'incomplete');

insert into saft.migrations (version, name) values ('20261127190000', 'unloaded_by_source');
