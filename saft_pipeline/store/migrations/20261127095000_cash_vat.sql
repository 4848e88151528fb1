-- Documents whose VAT is owed when they are paid.

alter table public.invoices add column cash_vat_scheme boolean;

comment on column public.invoices.cash_vat_scheme is 'True if SpecialRegimes/CashVATSchemeIndicator is 1: its VAT is owed when it is paid, not on InvoiceDate. Else null.';

insert into saft.migrations (version, name) values ('20261127095000', 'cash_vat');
