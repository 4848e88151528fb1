-- What the reports ask: VAT, sales, and the ledger by day. Amounts in their answers are text, exact.

-- The lines of all documents that count: status A and F are left out, as in the control totals. By
-- its side a line adds (credit) or subtracts (debit), whatever the document is called. A line of
-- 1.04 with a TaxBase is taxed on that, its own amount being zero. A document without lines has one
-- row here, whose line_number is null.
create or replace view saft.counted_lines with (security_invoker = true) as
select i.id as invoice_id, i.company_id, i.invoice_date, line.line_number,
    coalesce(line.tax_type = 'IS', false) as is_stamp_duty,
    coalesce(line.tax_country_region, 'PT') as tax_country_region, line.tax_code,
    trim_scale(line.tax_percentage) as tax_percentage, line.tax_exemption_code,
    coalesce(line.tax_base * side.sign, side.amount) as taxable_base,
    coalesce(
        coalesce(line.tax_base * side.sign, side.amount) * line.tax_percentage * 0.01,
        line.tax_amount * side.sign, 0) as tax,
    side.amount
from public.invoices i
left join public.invoice_lines line on line.invoice_id = i.id
cross join lateral (
    select coalesce(line.credit_amount, 0) - coalesce(line.debit_amount, 0) as amount,
        case when line.debit_amount > coalesce(line.credit_amount, 0)
            or line.debit_amount is not null and line.credit_amount is null
            then -1 else 1 end as sign
) side
where i.invoice_status is distinct from 'A' and i.invoice_status is distinct from 'F';

-- Those documents. Their totals are positive in the file, of credit notes and returns too: here
-- they have the sign of their lines. `tax` is what the lines come to, stamp duty (IS) in it.
create or replace view saft.counted_documents with (security_invoker = true) as
select s.invoice_id, s.company_id, s.invoice_date, i.invoice_no, s.lines, s.tax, s.stamp_duty,
    s.sign * i.net_total as net_total, s.sign * i.tax_payable as tax_payable,
    s.sign * i.gross_total as gross_total
from (
    select l.invoice_id, l.company_id, l.invoice_date, count(l.line_number) as lines,
        sum(l.tax) as tax, sum(l.tax) filter (where l.is_stamp_duty) as stamp_duty,
        case when sum(l.amount) < 0 or sum(l.amount) = 0 and sum(l.taxable_base) < 0
            then -1 else 1 end as sign
    from saft.counted_lines l
    group by l.invoice_id, l.company_id, l.invoice_date
) s
join public.invoices i on i.id = s.invoice_id;

-- Taxable base and VAT of what was sold less what was credited, for who reads the tables by SQL.
create or replace view public.vat_by_month with (security_invoker = true) as
select l.company_id, date_trunc('month', l.invoice_date)::date as month, l.tax_country_region,
    l.tax_code, l.tax_percentage, sum(l.taxable_base) as taxable_base, round(sum(l.tax), 2) as vat
from saft.counted_lines l
where not l.is_stamp_duty and l.line_number is not null
group by 1, 2, 3, 4, 5;

comment on view public.vat_by_month is 'Taxable base and VAT by company, month, region and rate: sales less credit notes, status A and F left out.';
comment on column public.vat_by_month.company_id is 'companies.company_id.';
comment on column public.vat_by_month.month is 'The first day of the month of InvoiceDate.';
comment on column public.vat_by_month.tax_country_region is 'Tax/TaxCountryRegion; PT where a file has none.';
comment on column public.vat_by_month.tax_code is 'Tax/TaxCode.';
comment on column public.vat_by_month.tax_percentage is 'Tax/TaxPercentage.';
comment on column public.vat_by_month.taxable_base is 'In euros, without tax.';
comment on column public.vat_by_month.vat is 'The tax on that base, in euros.';

-- Name, documents, net, tax and gross of each company, as text.
create or replace function public.saft_company_totals() returns jsonb
language sql stable set search_path = '' set statement_timeout = '60s'
as $$
    select coalesce(jsonb_agg(jsonb_build_array(
        t.company_name, t.documents, t.net::text, t.tax::text, t.gross::text)
        order by t.company_name), '[]')
    from (
        select c.company_name, count(*) as documents, sum(d.net_total) as net,
            sum(d.tax_payable) as tax, sum(d.gross_total) as gross
        from saft.counted_documents d
        join public.companies c using (company_id)
        group by c.company_id, c.company_name
    ) t
$$;

-- Every company's number and name.
create or replace function public.saft_companies() returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'company_id', c.company_id, 'company_name', c.company_name) order by c.company_id), '[]')
    from public.companies c
$$;

-- `rates`: taxable base by month, region, rate and exemption code; `tax_amount` is of lines that
-- have no TaxPercentage. `months`: the same documents' TaxPayable, the stamp duty in it, and how far
-- it is off (`mismatch`) in documents where rounding explains no more: half a cent in the total, a
-- cent in each line. `documents`: the worst twenty of these. Dates are InvoiceDate. There are few
-- groups and many lines, so that hashing is right: a planner without statistics sorts them all.
create or replace function public.saft_report_vat(
    company_id text default null, start_date date default null, end_date date default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB' set jit = off set enable_sort = off set enable_incremental_sort = off
as $$
#variable_conflict use_variable
declare
    rates json;
    months json;
    documents json;
begin
    select json_agg(r) into rates
    from (
        select d.company_id, to_char(d.invoice_date, 'YYYY-MM') as month, d.tax_country_region,
            d.tax_code, d.tax_percentage::text, d.tax_exemption_code, sum(d.lines) as lines,
            sum(d.taxable_base)::text as taxable_base, sum(d.tax_amount)::text as tax_amount
        from (
            select l.company_id, l.invoice_date, l.tax_country_region, l.tax_code,
                l.tax_percentage, l.tax_exemption_code, count(*) as lines,
                sum(l.taxable_base) as taxable_base,
                coalesce(sum(l.tax) filter (where l.tax_percentage is null), 0) as tax_amount
            from saft.counted_lines l
            where not l.is_stamp_duty and l.line_number is not null
                and (company_id is null or l.company_id = company_id)
                and (start_date is null or l.invoice_date >= start_date)
                and (end_date is null or l.invoice_date <= end_date)
            group by 1, 2, 3, 4, 5, 6
        ) d
        group by 1, 2, 3, 4, d.tax_percentage, 6
    ) r;
    with counted as materialized (
        select d.company_id, d.invoice_date, d.invoice_no, d.tax_payable, d.tax, d.stamp_duty,
            d.tax_payable is null or abs(d.tax_payable - d.tax) > 0.005 + 0.01 * d.lines
                as is_mismatch
        from saft.counted_documents d
        where (company_id is null or d.company_id = company_id)
            and (start_date is null or d.invoice_date >= start_date)
            and (end_date is null or d.invoice_date <= end_date)
    ), by_month as (
        select json_agg(m order by m.company_id, m.month) as found
        from (
            select d.company_id, to_char(d.invoice_date, 'YYYY-MM') as month,
                sum(d.documents) as documents, sum(d.tax_payable)::text as tax_payable,
                sum(d.stamp_duty)::text as stamp_duty, sum(d.mismatch)::text as mismatch,
                sum(d.mismatches) as mismatches
            from (
                select c.company_id, c.invoice_date, count(*) as documents,
                    coalesce(sum(c.tax_payable), 0) as tax_payable,
                    coalesce(sum(c.stamp_duty), 0) as stamp_duty,
                    coalesce(sum(coalesce(c.tax_payable, 0) - c.tax)
                        filter (where c.is_mismatch), 0) as mismatch,
                    count(*) filter (where c.is_mismatch) as mismatches
                from counted c
                group by 1, 2
            ) d
            group by 1, 2
        ) m
    ), worst as (
        select json_agg(w) as found
        from (
            select c.company_id, c.invoice_date, c.invoice_no, c.tax_payable::text, c.tax::text
            from counted c
            where c.is_mismatch
            order by abs(coalesce(c.tax_payable, 0) - c.tax) desc, c.invoice_no
            limit 20
        ) w
    )
    select m.found, w.found into months, documents from by_month m, worst w;
    return json_build_object(
        'rates', coalesce(rates, '[]'), 'months', coalesce(months, '[]'),
        'documents', coalesce(documents, '[]'));
end $$;

-- Totals by company, branch and InvoiceDate. An invoice's branch is that of the newest file that
-- holds it and names one.
create or replace function public.saft_report_sales(
    company_id text default null, start_date date default null, end_date date default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB'
as $$
#variable_conflict use_variable
begin
    return coalesce((
        select json_agg(r order by r.company_id, r.invoice_date, r.branch)
        from (
            select d.company_id, d.invoice_date, b.branch, count(*) as documents,
                coalesce(sum(d.net_total), 0)::text as net_total,
                coalesce(sum(d.tax_payable), 0)::text as tax_payable,
                coalesce(sum(d.gross_total), 0)::text as gross_total
            from saft.counted_documents d
            left join (
                select distinct on (l.invoice_id) l.invoice_id, f.branch
                from public.invoice_file_links l
                join public.invoice_files f on f.id = l.invoice_file_id
                where f.branch is not null
                    and (company_id is null or f.company_id = company_id)
                order by l.invoice_id, f.id desc
            ) b on b.invoice_id = d.invoice_id
            where (company_id is null or d.company_id = company_id)
                and (start_date is null or d.invoice_date >= start_date)
                and (end_date is null or d.invoice_date <= end_date)
            group by 1, 2, 3
        ) r), '[]');
end $$;

-- `days`: the newest version of every file, by the day (UTC) that this version was first seen;
-- `unloaded`: those that need someone, newest first, at most fifty.
create or replace function public.saft_report_files(start_date date default null, end_date date default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
begin
    return (
        with seen as materialized (
            select f.*, (f.first_seen_at at time zone 'UTC')::date as day
            from public.invoice_files f
            where f.is_current
                and (start_date is null or f.first_seen_at >= start_date::timestamp at time zone 'UTC')
                and (end_date is null
                    or f.first_seen_at < (end_date + 1)::timestamp at time zone 'UTC')
        )
        select json_build_object(
            'days', (
                select coalesce(json_agg(d order by d.day, d.branch, d.status), '[]')
                from (
                    select s.day, s.branch, s.status, count(*) as files,
                        coalesce(sum(s.total_invoices), 0) as invoices,
                        coalesce(sum(s.total_lines), 0) as lines, sum(s.size) as size,
                        count(*) filter (where s.warnings <> '[]') as warned
                    from seen s
                    group by 1, 2, 3
                ) d),
            'unloaded', (
                select coalesce(json_agg(u), '[]')
                from (
                    select s.day, s.path, s.status, s.attempts, s.error
                    from seen s
                    where s.status not in ('loaded', 'pending', 'running')
                    order by s.first_seen_at desc, s.id desc
                    limit 50
                ) u)));
end $$;
