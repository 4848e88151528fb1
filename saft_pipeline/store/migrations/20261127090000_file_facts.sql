-- What a file's Header says of the period and the program, so that missing months can be told.

alter table public.invoice_files add column start_date date;
alter table public.invoice_files add column end_date date;
alter table public.invoice_files add column tax_entity text;
alter table public.invoice_files add column tax_accounting_basis text;
alter table public.invoice_files add column software_certificate_number text;
alter table public.invoice_files add column product_id text;

comment on column public.invoice_files.start_date is 'Header/StartDate.';
comment on column public.invoice_files.end_date is 'Header/EndDate.';
comment on column public.invoice_files.tax_entity is 'Header/TaxEntity: Global, Sede, or an establishment.';
comment on column public.invoice_files.tax_accounting_basis is 'Header/TaxAccountingBasis: F invoicing, C accounting, I both, S self-billing, ….';
comment on column public.invoice_files.software_certificate_number is 'Header/SoftwareCertificateNumber: 0 if the program is not certified.';
comment on column public.invoice_files.product_id is 'Header/ProductID: the program and who made it.';

insert into saft.migrations (version, name) values ('20261127090000', 'file_facts');
