-- Which pack keeps a file's artifacts, where it has no files of its own there.

alter table public.invoice_files add column artifact_pack text;
comment on column public.invoice_files.artifact_pack is
    'Archive that keeps the file''s bytes and what was read of them, with those of other small files; null if they have files of their own.';

insert into saft.migrations (version, name) values ('20261127080000', 'artifact_packs');
