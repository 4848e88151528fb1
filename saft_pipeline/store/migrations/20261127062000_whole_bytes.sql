-- Bytes that ended before their end are no version: what follows them at their path is the same one.

update public.invoice_files set sha256 = null, bytes_modified_at = null
where status = 'incomplete' and loaded_at is null and sha256 is not null;

insert into saft.migrations (version, name) values ('20261127062000', 'whole_bytes');
