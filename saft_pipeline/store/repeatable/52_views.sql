-- What people read of single documents: what was credited, names, and the files that hold them.

-- Whatever the order in which files arrive. Amounts are net, as lines are: a credit note may refer to
-- several invoices, its total to none of them. Lines of a note that stand on the wrong side credit
-- all the same.
create or replace view public.credit_note_links with (security_invoker = true) as
select note.company_id, note.id as credit_note_id, note.invoice_no as credit_note_no,
    note.invoice_date as credit_note_date, i.id as invoice_id, line.reference as invoice_no,
    i.invoice_date,
    sum(coalesce(line.debit_amount, 0) - coalesce(line.credit_amount, 0))
        * case when (
            select sum(coalesce(l.debit_amount, 0)) < sum(coalesce(l.credit_amount, 0))
            from public.invoice_lines l
            where l.invoice_id = note.id) then -1 else 1 end as amount
from public.invoice_lines line
join public.invoices note on note.id = line.invoice_id
left join public.invoices i on i.company_id = note.company_id and i.invoice_no = line.reference
where line.reference is not null and note.invoice_type = 'NC'
    and coalesce(note.invoice_status not in ('A', 'F'), true)
group by note.id, i.id, line.reference;

comment on view public.credit_note_links is 'Which documents credit notes refer to, and what they credit of each; status A and F left out.';
comment on column public.credit_note_links.company_id is 'companies.company_id.';
comment on column public.credit_note_links.credit_note_id is 'invoices.id of the credit note.';
comment on column public.credit_note_links.credit_note_no is 'InvoiceNo of the credit note.';
comment on column public.credit_note_links.credit_note_date is 'InvoiceDate of the credit note.';
comment on column public.credit_note_links.invoice_id is 'invoices.id of the document referred to; null if no file has it yet.';
comment on column public.credit_note_links.invoice_no is 'References/Reference: the document referred to.';
comment on column public.credit_note_links.invoice_date is 'InvoiceDate of the document referred to.';
comment on column public.credit_note_links.amount is 'What the lines that refer to it come to, without tax, in euros: what is taken back is positive.';

create or replace view public.invoice_credits with (security_invoker = true) as
select i.id as invoice_id, i.company_id, i.invoice_no, i.net_total,
    coalesce(c.credit_notes, 0) as credit_notes,
    coalesce(c.credited, 0) as credited,
    c.last_credited_on,
    i.invoice_status is distinct from 'A'
        and not (coalesce(c.credited, 0) > 0 and c.credited >= i.net_total) as active
from public.invoices i
left join lateral (
    select count(*) as credit_notes, sum(l.amount) as credited,
        max(l.credit_note_date) as last_credited_on
    from public.credit_note_links l
    where l.invoice_no = i.invoice_no and l.company_id = i.company_id
) c on true;

comment on view public.invoice_credits is 'What credit notes of the same company, cancelled ones left out, have credited of each invoice. Computed at each look.';
comment on column public.invoice_credits.invoice_id is 'invoices.id.';
comment on column public.invoice_credits.company_id is 'invoices.company_id.';
comment on column public.invoice_credits.invoice_no is 'invoices.invoice_no.';
comment on column public.invoice_credits.net_total is 'invoices.net_total.';
comment on column public.invoice_credits.credit_notes is 'How many credit notes have lines that refer to it.';
comment on column public.invoice_credits.credited is 'What these lines come to, without tax.';
comment on column public.invoice_credits.last_credited_on is 'InvoiceDate of the newest of them.';
comment on column public.invoice_credits.active is 'False if it is cancelled or credited in full.';

create or replace view public.invoice_overview with (security_invoker = true) as
select i.id, i.company_id, company.company_name, i.invoice_no, i.invoice_type, i.invoice_date,
    i.invoice_status, i.customer_id, customer.company_name as customer_name,
    customer.customer_tax_id, i.net_total, i.tax_payable, i.gross_total, i.line_count,
    c.credit_notes, c.credited, c.active, f.branch, f.path as newest_file, f.loaded_at,
    i.updated_at, d.counted, d.net_total as signed_net_total,
    d.tax_payable as signed_tax_payable, d.gross_total as signed_gross_total
from public.invoices i
join public.companies company on company.company_id = i.company_id
join saft.signed_documents d on d.invoice_id = i.id
join public.invoice_credits c on c.invoice_id = i.id
left join public.customers customer
    on customer.company_id = i.company_id and customer.customer_id = i.customer_id
left join lateral (
    select file.branch, file.path, file.loaded_at
    from public.invoice_file_links l
    join public.invoice_files file on file.id = l.invoice_file_id
    where l.invoice_id = i.id
    order by file.id desc
    limit 1
) f on true;

comment on view public.invoice_overview is 'Invoices with amounts that can be summed, the names of company and customer, what was credited, and the newest file that holds them.';
comment on column public.invoice_overview.id is 'invoices.id.';
comment on column public.invoice_overview.company_id is 'invoices.company_id.';
comment on column public.invoice_overview.company_name is 'companies.company_name.';
comment on column public.invoice_overview.invoice_no is 'invoices.invoice_no.';
comment on column public.invoice_overview.invoice_type is 'invoices.invoice_type.';
comment on column public.invoice_overview.invoice_date is 'invoices.invoice_date.';
comment on column public.invoice_overview.invoice_status is 'invoices.invoice_status.';
comment on column public.invoice_overview.customer_id is 'invoices.customer_id.';
comment on column public.invoice_overview.customer_name is 'customers.company_name.';
comment on column public.invoice_overview.customer_tax_id is 'customers.customer_tax_id.';
comment on column public.invoice_overview.net_total is 'invoices.net_total: as in the file, of credit notes too; sum signed_net_total.';
comment on column public.invoice_overview.tax_payable is 'invoices.tax_payable: as in the file; sum signed_tax_payable.';
comment on column public.invoice_overview.gross_total is 'invoices.gross_total: as in the file; sum signed_gross_total.';
comment on column public.invoice_overview.line_count is 'invoices.line_count.';
comment on column public.invoice_overview.credit_notes is 'invoice_credits.credit_notes.';
comment on column public.invoice_overview.credited is 'invoice_credits.credited.';
comment on column public.invoice_overview.active is 'invoice_credits.active.';
comment on column public.invoice_overview.branch is 'invoice_files.branch of the newest file.';
comment on column public.invoice_overview.newest_file is 'invoice_files.path of the newest file that holds the invoice.';
comment on column public.invoice_overview.loaded_at is 'When that file was loaded.';
comment on column public.invoice_overview.updated_at is 'invoices.updated_at.';
comment on column public.invoice_overview.counted is 'Whether it counts in sums: false if its status is A (cancelled) or F (invoiced by another).';
comment on column public.invoice_overview.signed_net_total is 'NetTotal to sum: below zero for credit notes and returns, 0 if it does not count.';
comment on column public.invoice_overview.signed_tax_payable is 'TaxPayable to sum, likewise.';
comment on column public.invoice_overview.signed_gross_total is 'GrossTotal to sum, likewise.';

create or replace view public.invoice_sources with (security_invoker = true) as
select l.invoice_id, i.company_id, i.invoice_no, i.invoice_date, l.invoice_file_id, f.source, f.path,
    f.version, f.is_current, f.status, f.modified_at, f.loaded_at,
    l.content_hash = i.content_hash as is_published
from public.invoice_file_links l
join public.invoices i on i.id = l.invoice_id
join public.invoice_files f on f.id = l.invoice_file_id;

comment on view public.invoice_sources is 'Where invoices come from: every file, and every version of it, that holds each.';
comment on column public.invoice_sources.invoice_id is 'invoices.id.';
comment on column public.invoice_sources.company_id is 'invoices.company_id.';
comment on column public.invoice_sources.invoice_no is 'invoices.invoice_no.';
comment on column public.invoice_sources.invoice_date is 'invoices.invoice_date.';
comment on column public.invoice_sources.invoice_file_id is 'invoice_files.id.';
comment on column public.invoice_sources.source is 'invoice_files.source.';
comment on column public.invoice_sources.path is 'invoice_files.path.';
comment on column public.invoice_sources.version is 'invoice_files.version.';
comment on column public.invoice_sources.is_current is 'Whether it is the newest version of that file.';
comment on column public.invoice_sources.status is 'invoice_files.status.';
comment on column public.invoice_sources.modified_at is 'invoice_files.modified_at.';
comment on column public.invoice_sources.loaded_at is 'invoice_files.loaded_at.';
comment on column public.invoice_sources.is_published is 'Whether the tables have the invoice as this file says it.';

