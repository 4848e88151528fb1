-- Names as the field has them: what is renamed here only this program knows.

alter table public.invoice_files rename column departed_at to removed_at;
alter table public.invoice_files rename column claimed_from to previous_status;
alter table saft.alerts rename column matter to alert_key;
alter table saft.alerts rename column told_at to sent_at;

comment on table saft.alerts is
    'Which alerts each channel was sent: `file ID` of the ledger, or a condition while it holds.';

drop index public.invoice_files_on_server;
create index invoice_files_on_server on public.invoice_files (source, id)
    where is_current and status = 'loaded' and removed_at is null;

insert into saft.migrations (version, name) values ('20261127061000', 'names');
