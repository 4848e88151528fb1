-- What is missing across files and months, and what contradicts itself there. `gaps`: numbers missing
-- within a series; `months`: without a file of invoices between a company's first and last;
-- `codes`: series with several validation codes, and codes of several series; `credits`: documents
-- of which credit notes take back more than they came to; `conflicts`: numbers that came twice with
-- other content. A thousand of each at most. The dates are those of the document after the gap.
create or replace function public.saft_report_gaps(
    company_id text default null, start_date date default null, end_date date default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB' set jit = off
as $$
#variable_conflict use_variable
declare
    answer text;
begin
    with numbered as materialized (
        select i.company_id, part[1] as series, part[2]::bigint as number, i.invoice_date,
            nullif(split_part(i.atcud, '-', 1), '0') as code
        from public.invoices i
        cross join lateral regexp_match(i.invoice_no, '^([^ ]+ [^/^ ]+)/([0-9]{1,18})$') part
        where part is not null and (company_id is null or i.company_id = company_id)
    ), gaps as (
        select n.company_id, n.series, n.before + 1 as first_missing, n.number - 1 as last_missing,
            n.number - n.before - 1 as missing, n.previous_date, n.invoice_date
        from (
            select d.*, lag(d.number) over series as before,
                lag(d.invoice_date) over series as previous_date
            from numbered d
            window series as (partition by d.company_id, d.series order by d.number)
        ) n
        where n.number > n.before + 1
            and (start_date is null or n.invoice_date >= start_date)
            and (end_date is null or n.invoice_date <= end_date)
    ), coded as (
        select distinct n.company_id, n.series, n.code from numbered n where n.code is not null
    ), codes as (
        select c.company_id, c.series, string_agg(c.code, ', ' order by c.code) as codes
        from coded c
        group by 1, 2
        having count(*) > 1
        union all
        select c.company_id, string_agg(c.series, ', ' order by c.series), c.code
        from coded c
        group by c.company_id, c.code
        having count(*) > 1
    ), periods as materialized (
        select f.company_id, f.start_date as first, f.end_date as last
        from public.invoice_files f
        where f.is_current and f.loaded_at is not null and f.start_date <= f.end_date
            and coalesce(f.tax_accounting_basis not in ('C', 'R', 'T'), true)
            and (company_id is null or f.company_id = company_id)
    ), months as (
        select p.company_id, to_char(m.month, 'YYYY-MM') as month
        from (
            select p.company_id, min(p.first) as first, max(p.last) as last from periods p group by 1
        ) p
        cross join lateral generate_series(date_trunc('month', p.first::timestamp),
            p.last::timestamp, interval '1 month') m (month)
        where not exists (
                select from periods q
                where q.company_id = p.company_id and q.first < m.month + interval '1 month'
                    and q.last >= m.month)
            and (start_date is null or m.month + interval '1 month' > start_date)
            and (end_date is null or m.month <= end_date)
    ), credits as (
        select l.company_id, l.invoice_no, l.invoice_date, i.net_total::text,
            sum(l.amount)::text as credited
        from public.credit_note_links l
        join public.invoices i on i.id = l.invoice_id
        where (company_id is null or l.company_id = company_id)
            and (start_date is null or l.invoice_date >= start_date)
            and (end_date is null or l.invoice_date <= end_date)
        group by l.company_id, l.invoice_no, l.invoice_date, i.id
        having sum(l.amount) > abs(i.net_total) + 0.01 * count(*)
    ), conflicts as (
        select f.company_id, w ->> 'invoice_no' as invoice_no, f.path
        from public.invoice_files f
        cross join lateral jsonb_array_elements(f.warnings) w
        where f.warnings @> '[{"code": "conflict"}]' and w ->> 'code' = 'conflict'
            and w ? 'invoice_no' and (company_id is null or f.company_id = company_id)
    )
    select json_build_object(
        'gaps', (select coalesce(json_agg(g), '[]') from (
            select * from gaps g order by g.company_id, g.series, g.first_missing limit 1000) g),
        'months', (select coalesce(json_agg(m), '[]') from (
            select * from months m order by m.company_id, m.month limit 1000) m),
        'codes', (select coalesce(json_agg(c), '[]') from (
            select * from codes c order by c.company_id, c.series limit 1000) c),
        'credits', (select coalesce(json_agg(c), '[]') from (
            select * from credits c order by c.company_id, c.invoice_no limit 1000) c),
        'conflicts', (select coalesce(json_agg(c), '[]') from (
            select * from conflicts c order by c.company_id, c.invoice_no limit 1000) c))
    into answer;
    return answer;
end $$;
