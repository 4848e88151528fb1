-- What the reports ask: VAT, sales, and the ledger by day. Amounts in their answers are text, exact.

-- Documents with the sign of their type: credit notes (NC), returns (TD, DA) and refunds (RE) take
-- back what others add, whatever sign their totals have in the file (positive from 1.02 on, either in
-- 1.01). `counted`: status A (cancelled) and F (invoiced by another) are left out of all sums, as of
-- the control totals; their amounts here are 0, so that sums are right with and without the flag.
create or replace view saft.signed_documents with (security_invoker = true) as
select i.id as invoice_id, i.company_id, i.invoice_no, i.invoice_date, i.invoice_type, s.counted,
    s.is_return, coalesce(i.cash_vat_scheme, false) as is_cash_vat,
    case when not s.counted then 0 when s.is_return then -abs(i.net_total) else i.net_total end
        as net_total,
    case when not s.counted then 0 when s.is_return then -abs(i.tax_payable) else i.tax_payable end
        as tax_payable,
    case when not s.counted then 0 when s.is_return then -abs(i.gross_total) else i.gross_total end
        as gross_total
from public.invoices i
cross join lateral (
    select coalesce(i.invoice_type in ('NC', 'TD', 'DA', 'RE'), false) as is_return,
        coalesce(i.invoice_status not in ('A', 'F'), true) as counted
) s;

-- The lines of documents that count, added up by document and rate; `untaxed` are those without Tax. Within a document a line's side
-- says whether it adds (credit) or subtracts (debit); the document as a whole has the sign of its
-- total, so that lines on the wrong side count as its type says. A line of 1.04 with a TaxBase is
-- taxed on that, its own amount being zero. A document without lines has one row of 0 lines.
create or replace view saft.document_taxes with (security_invoker = true) as
select t.invoice_id, t.company_id, t.invoice_date, t.is_stamp_duty, t.tax_country_region, t.tax_code,
    t.tax_percentage, t.tax_exemption_code, t.lines, t.taxable_base * t.side as taxable_base,
    t.tax * t.side as tax, t.untaxed
from (
    select g.*,
        case when sign(g.net_total) * sign(sum(g.amount) over document) < 0
            or g.is_return and sign(coalesce(nullif(sum(g.amount) over document, 0),
                sum(g.taxable_base) over document)) > 0
            then -1 else 1 end as side
    from (
        select d.invoice_id, d.company_id, d.invoice_date, d.net_total, d.is_return,
            coalesce(line.tax_type = 'IS', false) as is_stamp_duty,
            coalesce(line.tax_country_region, 'PT') as tax_country_region, line.tax_code,
            trim_scale(line.tax_percentage) as tax_percentage, line.tax_exemption_code,
            count(line.line_number) as lines, sum(side.amount) as amount,
            count(*) filter (where line.line_number is not null and line.tax_percentage is null
                and line.tax_amount is null) as untaxed,
            sum(coalesce(line.tax_base * side.sign, side.amount)) as taxable_base,
            sum(coalesce(
                coalesce(line.tax_base * side.sign, side.amount) * line.tax_percentage * 0.01,
                line.tax_amount * side.sign, 0)) as tax
        from saft.signed_documents d
        left join public.invoice_lines line on line.invoice_id = d.invoice_id
        cross join lateral (
            select coalesce(line.credit_amount, 0) - coalesce(line.debit_amount, 0) as amount,
                case when line.debit_amount > coalesce(line.credit_amount, 0)
                    or line.debit_amount is not null and line.credit_amount is null
                    then -1 else 1 end as sign
        ) side
        where d.counted
        group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    ) g
    window document as (partition by g.invoice_id, g.company_id, g.invoice_date)
) t;

-- Taxable base and VAT of what was sold less what was credited, for who reads the tables by SQL.
create or replace view public.vat_by_month with (security_invoker = true) as
select t.company_id, date_trunc('month', t.invoice_date)::date as month, t.tax_country_region,
    t.tax_code, t.tax_percentage, round(sum(t.taxable_base), 2) as taxable_base,
    round(sum(t.tax), 2) as vat
from saft.document_taxes t
where not t.is_stamp_duty and t.lines > 0
group by 1, 2, 3, 4, 5;

comment on view public.vat_by_month is 'Taxable base and VAT by company, month, region and rate: sales less credit notes and returns, status A and F left out. Bases are added exactly; a base and its VAT are rounded once, half up, to the cent.';
comment on column public.vat_by_month.company_id is 'companies.company_id.';
comment on column public.vat_by_month.month is 'The first day of the month of InvoiceDate.';
comment on column public.vat_by_month.tax_country_region is 'Tax/TaxCountryRegion; PT where a file has none.';
comment on column public.vat_by_month.tax_code is 'Tax/TaxCode.';
comment on column public.vat_by_month.tax_percentage is 'Tax/TaxPercentage; null for lines that have a TaxAmount instead.';
comment on column public.vat_by_month.taxable_base is 'In euros, without tax.';
comment on column public.vat_by_month.vat is 'The tax on that base, in euros.';

-- An invoice's branch is that of the newest file that holds it and names one.
create or replace view public.sales_by_day with (security_invoker = true) as
select d.company_id, d.invoice_date, f.branch, count(*) as documents,
    sum(d.net_total) as net_total, sum(d.tax_payable) as tax_payable,
    sum(d.gross_total) as gross_total
from saft.signed_documents d
left join lateral (
    select file.branch
    from public.invoice_file_links l
    join public.invoice_files file on file.id = l.invoice_file_id
    where l.invoice_id = d.invoice_id and file.branch is not null
    order by file.id desc
    limit 1
) f on true
where d.counted
group by 1, 2, 3;

comment on view public.sales_by_day is 'Sales by company, day and branch: credit notes and returns subtracted, status A and F left out.';
comment on column public.sales_by_day.company_id is 'companies.company_id.';
comment on column public.sales_by_day.invoice_date is 'InvoiceDate.';
comment on column public.sales_by_day.branch is 'invoice_files.branch of the newest file that holds the document and names one.';
comment on column public.sales_by_day.documents is 'How many documents.';
comment on column public.sales_by_day.net_total is 'Their NetTotal, in euros.';
comment on column public.sales_by_day.tax_payable is 'Their TaxPayable, in euros.';
comment on column public.sales_by_day.gross_total is 'Their GrossTotal, in euros.';

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
        from saft.signed_documents d
        join public.companies c using (company_id)
        where d.counted
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
    company_id text default null, start_date date default null, end_date date default null,
    source text default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB' set jit = off set enable_sort = off set enable_incremental_sort = off
as $$
#variable_conflict use_variable
declare
    answer text;
begin
    with taxes as materialized (
        select t.* from saft.document_taxes t
        where (company_id is null or t.company_id = company_id)
            and (start_date is null or t.invoice_date >= start_date)
            and (end_date is null or t.invoice_date <= end_date)
            and (source is null or exists (
                select from public.invoice_file_links l
                join public.invoice_files f on f.id = l.invoice_file_id
                where l.invoice_id = t.invoice_id and f.source = source))
    ), rates as (
        select json_agg(r) as found
        from (
            select t.company_id, to_char(t.invoice_date, 'YYYY-MM') as month, t.tax_country_region,
                t.tax_code, t.tax_percentage::text, t.tax_exemption_code, sum(t.lines) as lines,
                sum(t.taxable_base)::text as taxable_base,
                coalesce(sum(t.tax) filter (where t.tax_percentage is null), 0)::text as tax_amount
            from taxes t
            where not t.is_stamp_duty and t.lines > 0
            group by 1, 2, 3, 4, t.tax_percentage, 6
        ) r
    ), counted as materialized (
        select d.company_id, d.invoice_date, d.invoice_no, d.tax_payable, s.tax, s.stamp_duty,
            d.tax_payable is null or s.untaxed > 0
                or abs(d.tax_payable - s.tax) > 0.005 + 0.01 * s.lines as is_mismatch,
            s.untaxed > 0 as is_untaxed, d.is_cash_vat
        from (
            select t.invoice_id, sum(t.lines) as lines, sum(t.tax) as tax,
                sum(t.untaxed) as untaxed,
                sum(t.tax) filter (where t.is_stamp_duty) as stamp_duty
            from taxes t
            group by 1
        ) s
        join saft.signed_documents d on d.invoice_id = s.invoice_id
    ), by_month as (
        select json_agg(m order by m.company_id, m.month) as found
        from (
            select d.company_id, to_char(d.invoice_date, 'YYYY-MM') as month,
                sum(d.documents) as documents, sum(d.tax_payable)::text as tax_payable,
                sum(d.stamp_duty)::text as stamp_duty, sum(d.mismatch)::text as mismatch,
                sum(d.mismatches) as mismatches, sum(d.untaxed) as untaxed,
                sum(d.cash_vat_documents) as cash_vat_documents,
                coalesce(sum(d.cash_vat), 0)::text as cash_vat
            from (
                select c.company_id, c.invoice_date, count(*) as documents,
                    coalesce(sum(c.tax_payable), 0) as tax_payable,
                    coalesce(sum(c.stamp_duty), 0) as stamp_duty,
                    coalesce(sum(coalesce(c.tax_payable, 0) - c.tax)
                        filter (where c.is_mismatch), 0) as mismatch,
                    count(*) filter (where c.is_mismatch) as mismatches,
                    count(*) filter (where c.is_untaxed) as untaxed,
                    count(*) filter (where c.is_cash_vat) as cash_vat_documents,
                    sum(c.tax - coalesce(c.stamp_duty, 0)) filter (where c.is_cash_vat) as cash_vat
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
    select json_build_object('rates', coalesce(r.found, '[]'), 'months', coalesce(m.found, '[]'),
        'documents', coalesce(w.found, '[]'))
    into answer from rates r, by_month m, worst w;
    return answer;
end $$;

-- Totals by company, branch and InvoiceDate. An invoice's branch is that of the newest file that
-- holds it and names one.
create or replace function public.saft_report_sales(
    company_id text default null, start_date date default null, end_date date default null,
    source text default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB'
as $$
#variable_conflict use_variable
begin
    return coalesce((
        with documents as materialized (
            select d.* from saft.signed_documents d
            where d.counted and (company_id is null or d.company_id = company_id)
                and (start_date is null or d.invoice_date >= start_date)
                and (end_date is null or d.invoice_date <= end_date)
                and (source is null or exists (
                    select from public.invoice_file_links l
                    join public.invoice_files f on f.id = l.invoice_file_id
                    where l.invoice_id = d.invoice_id and f.source = source))
        )
        select json_agg(r order by r.company_id, r.invoice_date, r.branch)
        from (
            select d.company_id, d.invoice_date, b.branch, count(*) as documents,
                coalesce(sum(d.net_total), 0)::text as net_total,
                coalesce(sum(d.tax_payable), 0)::text as tax_payable,
                coalesce(sum(d.gross_total), 0)::text as gross_total
            from documents d
            left join (
                select distinct on (l.invoice_id) l.invoice_id, f.branch
                from documents d
                join public.invoice_file_links l on l.invoice_id = d.invoice_id
                join public.invoice_files f on f.id = l.invoice_file_id
                where f.branch is not null
                order by l.invoice_id, f.id desc
            ) b on b.invoice_id = d.invoice_id
            group by 1, 2, 3
        ) r), '[]');
end $$;

-- `days`: the newest version of every file, by the day (UTC) that this version was first seen;
-- `unloaded`: those that need someone, newest first, at most fifty. As above there are few groups.
create or replace function public.saft_report_files(
    start_date date default null, end_date date default null, source text default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB' set jit = off set enable_sort = off
as $$
#variable_conflict use_variable
declare
    since timestamptz := start_date::timestamp at time zone 'UTC';
    until timestamptz := (end_date + 1)::timestamp at time zone 'UTC';
begin
    return (
        with days as materialized (
            select d.day, d.branch, d.status, sum(d.files) as files, sum(d.invoices) as invoices,
                sum(d.lines) as lines, sum(d.size) as size, sum(d.warned) as warned,
                max(d.newest) as newest
            from saft.ledger_days d
            where (source is null or d.source = source)
                and (start_date is null or d.day >= start_date)
                and (end_date is null or d.day <= end_date)
            group by 1, 2, 3
            having sum(d.files) <> 0
        )
        select json_build_object(
            'days', (
                select coalesce(
                    json_agg(to_jsonb(d) - 'newest' order by d.day, d.branch, d.status), '[]')
                from days d),
            'unloaded', (
                select coalesce(json_agg(u), '[]')
                from (
                    select (f.first_seen_at at time zone 'UTC')::date as day, f.path, f.status,
                        f.attempts, f.error
                    from public.invoice_files f
                    where f.id = any(array(
                            select saft.unloaded(
                                state, source, (select max(d.newest) + 1 from days d), 50)
                            from unnest('{failed,unreadable,gone,incomplete}'::text[]) state))
                        and (since is null or f.first_seen_at >= since)
                        and (until is null or f.first_seen_at < until)
                    order by f.id desc
                    limit 50
                ) u)));
end $$;
