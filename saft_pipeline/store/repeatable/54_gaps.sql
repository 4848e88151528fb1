-- What is missing across files and months, and what contradicts itself there. `gaps`: numbers missing
-- within a series; `months`: without a file of invoices between a company's first and last;
-- `codes`: series with several validation codes, and codes of several series; `credits`: documents
-- of which credit notes take back more than they came to; `credit_notes`: those of cancelled
-- documents, of later ones or of other customers'; `conflicts`: numbers that came twice with other
-- content. A thousand of each at most. The dates are those of the document after the gap.

-- Invoices of a company, or these, by series and number; all of them where both are null. A regular
-- expression for the form takes ten times as long.
create or replace function saft.numbered(of_company text, ids bigint[])
returns table (company_id text, invoice_no text, series text, number bigint, invoice_date date,
    code text)
language plpgsql stable rows 100000
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    return query
    select i.company_id, i.invoice_no, a.kind || ' ' || b.name,
        case when translate(b.digits, '0123456789', '') = '' then b.digits::bigint end,
        i.invoice_date, nullif(split_part(i.atcud, '-', 1), '0')
    from public.invoices i
    cross join lateral (
        select split_part(i.invoice_no, ' ', 1) as kind, split_part(i.invoice_no, ' ', 2) as rest) a
    cross join lateral (
        select split_part(a.rest, '/', 1) as name,
            left(split_part(a.rest, '/', 2), 18) as digits) b
    where (of_company is null or i.company_id = of_company) and (ids is null or i.id = any(ids))
        and a.kind <> '' and b.name <> '' and strpos(b.name, '^') = 0
        and i.invoice_no = a.kind || ' ' || b.name || '/' || b.digits
        and b.digits <> '' and translate(b.digits, '0123456789', '') = '';
end $$;

-- Series with several validation codes, and codes of several series, of these, each of which stands
-- once with its series and its company.
create or replace function saft.odd_codes(companies text[], all_series text[], all_codes text[])
returns json
language sql stable set search_path = ''
as $$
    with coded as (
        select * from unnest(companies, all_series, all_codes) c (company_id, series, code)
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
    )
    select coalesce(json_agg(c), '[]') from (
        select * from codes c order by c.company_id, c.series, c.codes limit 1000) c
$$;

-- `months`, `credits`, `credit_notes` and `conflicts`, which are read of few rows.
create or replace function saft.across_files(company_id text, start_date date, end_date date)
returns json
language plpgsql stable
set search_path = '' set plan_cache_mode = force_custom_plan set work_mem = '64MB' set jit = off
as $$
#variable_conflict use_variable
begin
    return (
        with periods as materialized (
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
        ), links as materialized (
            select l.*, i.net_total, i.invoice_status, i.customer_id as invoice_customer_id
            from public.credit_note_links l
            join public.invoices i on i.id = l.invoice_id
            where (company_id is null or l.company_id = company_id)
                and (start_date is null or l.invoice_date >= start_date)
                and (end_date is null or l.invoice_date <= end_date)
        ), credits as (
            select l.company_id, l.invoice_no, l.invoice_date, l.net_total::text,
                sum(l.amount)::text as credited
            from links l
            group by l.company_id, l.invoice_no, l.invoice_date, l.invoice_id, l.net_total
            having sum(l.amount) > abs(l.net_total) + 0.01 * count(*)
        ), credit_notes as (
            select l.company_id, l.credit_note_no, l.credit_note_date, n.customer_id, l.invoice_no,
                l.invoice_date, l.invoice_status, l.invoice_customer_id
            from links l
            join public.invoices n on n.id = l.credit_note_id
            where l.invoice_status = 'A' or l.credit_note_date < l.invoice_date
                or (n.customer_id <> l.invoice_customer_id and not exists (
                    select from public.customers a
                    join public.customers b using (company_id, customer_tax_id)
                    where a.company_id = l.company_id and a.customer_id = n.customer_id
                        and b.customer_id = l.invoice_customer_id
                        and a.customer_tax_id <> '999999990'))
        ), conflicts as (
            select f.company_id, w ->> 'invoice_no' as invoice_no, f.path
            from public.invoice_files f
            cross join lateral jsonb_array_elements(f.warnings) w
            where f.warnings @> '[{"code": "conflict"}]' and w ->> 'code' = 'conflict'
                and w ? 'invoice_no' and (company_id is null or f.company_id = company_id)
        )
        select json_build_object(
            'months', (select coalesce(json_agg(m), '[]') from (
                select * from months m order by m.company_id, m.month limit 1000) m),
            'credits', (select coalesce(json_agg(c), '[]') from (
                select * from credits c order by c.company_id, c.invoice_no limit 1000) c),
            'credit_notes', (select coalesce(json_agg(c), '[]') from (
                select * from credit_notes c
                order by c.company_id, c.credit_note_no, c.invoice_no limit 1000) c),
            'conflicts', (select coalesce(json_agg(c), '[]') from (
                select * from conflicts c order by c.company_id, c.invoice_no limit 1000) c)));
end $$;

-- All of it, by a look at all invoices of a company or of all.
create or replace function public.saft_report_gaps(
    company_id text default null, start_date date default null, end_date date default null)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB' set jit = off
as $$
#variable_conflict use_variable
declare
    others json := saft.across_files(company_id, start_date, end_date);
begin
    return (
        with numbered as materialized (
            select * from saft.numbered(company_id, null)
        ), gaps as (
            select n.company_id, n.series, n.before + 1 as first_missing,
                n.number - 1 as last_missing, n.number - n.before - 1 as missing,
                n.previous_date, n.invoice_date
            from (
                select d.*, lag(d.number) over series as before,
                    lag(d.invoice_date) over series as previous_date
                from numbered d
                window series as (
                    partition by d.company_id, d.series order by d.number, d.invoice_no)
            ) n
            where n.number > n.before + 1
                and (start_date is null or n.invoice_date >= start_date)
                and (end_date is null or n.invoice_date <= end_date)
        ), coded as (
            select distinct n.company_id, n.series, n.code from numbered n where n.code is not null
        )
        select json_build_object(
            'gaps', (select coalesce(json_agg(g), '[]') from (
                select * from gaps g order by g.company_id, g.series, g.first_missing limit 1000) g),
            'months', others -> 'months',
            'codes', (
                select saft.odd_codes(array_agg(c.company_id), array_agg(c.series), array_agg(c.code))
                from coded c),
            'credits', others -> 'credits',
            'credit_notes', others -> 'credit_notes',
            'conflicts', others -> 'conflicts')::text);
end $$;

-- Invoices were taken away or bear another number: all have to be looked at. It waits for a look
-- that is under way, which would take what it saw for all that there is.
create or replace function saft.forget_look() returns trigger
language plpgsql set search_path = ''
as $$
begin
    update saft.series_look set looked_at = null;
    return null;
end $$;

create or replace trigger forget_look_deleted after delete on public.invoices
    for each statement execute function saft.forget_look();
create or replace trigger forget_look_emptied after truncate on public.invoices
    for each statement execute function saft.forget_look();
create or replace trigger forget_look_renumbered
    after update of company_id, invoice_no on public.invoices
    for each statement execute function saft.forget_look();

-- What files that were loaded since the last look hold, with those of a day before it: such as were
-- being published while it looked. All invoices at the first look, and where it was forgotten.
create or replace function saft.look_at_series() returns void
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan set work_mem = '64MB' set jit = off
as $$
declare
    last timestamptz;
    met bigint[];  -- found first: a planner that knows little would read all invoices
begin
    lock table public.invoices in access share mode;  -- before the row that who empties it waits for
    select l.looked_at into last from saft.series_look l for update;
    if last is null then
        delete from saft.series;
        insert into saft.series (company_id, series, numbers, codes)
        select c.company_id, c.series, range_agg(c.numbers), array_remove(array_agg(c.code), null)
        from (
            select n.company_id, n.series, n.code,
                range_agg(int8range(n.number, n.number + 1)) as numbers
            from saft.numbered(null, null) n
            group by 1, 2, 3
        ) c
        group by 1, 2;
    else
        met := array(
            select l.invoice_id
            from public.invoice_files f
            join public.invoice_file_links l on l.invoice_file_id = f.id
            where f.loaded_at >= last - interval '1 day');
        insert into saft.series as known (company_id, series, numbers, codes, touched)
        select n.company_id, n.series, range_agg(int8range(n.number, n.number + 1)),
            array_remove(array_agg(distinct n.code), null), true
        from saft.numbered(null, met) n
        group by 1, 2
        on conflict (company_id, series) do update set touched = true,
            numbers = known.numbers + excluded.numbers,
            codes = array(select distinct c from unnest(known.codes || excluded.codes) c);
        with doubtful as materialized (
            select * from saft.doubtful_series()
        )
        update saft.series s
        set codes = array_remove(f.codes, null)
        from (
            select n.company_id, n.series, array_agg(distinct n.code) as codes
            from (select distinct d.company_id from doubtful d) d
            cross join lateral saft.numbered(d.company_id, null) n
            where (n.company_id, n.series) in (select d.company_id, d.series from doubtful d)
            group by 1, 2
        ) f
        where s.company_id = f.company_id and s.series = f.series;
        update saft.series s set touched = false where s.touched;
    end if;
    update saft.series_look set looked_at = now();
end $$;

-- An invoice that came again may have another code than before: series that were met now, and of
-- which that would make a finding, so that the codes of all their invoices have to be read.
create or replace function saft.doubtful_series() returns table (company_id text, series text)
language sql stable set search_path = ''
as $$
    with coded as (
        select s.company_id, s.series, s.touched, c.code
        from saft.series s cross join lateral unnest(s.codes) c (code)
    ), several as (
        select c.company_id, c.code from coded c group by 1, 2
        having count(*) > 1 and bool_or(c.touched)
    )
    select s.company_id, s.series from saft.series s where s.touched and cardinality(s.codes) > 1
    union
    select c.company_id, c.series from coded c join several using (company_id, code)
$$;

-- The same of all companies and days, for who asks again and again.
create or replace function public.saft_continuity() returns text
language plpgsql
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set work_mem = '64MB' set jit = off
as $$
declare
    others json := saft.across_files(null, null, null);
begin
    perform saft.look_at_series();
    return (
        with missing as (
            select s.company_id, s.series, lower(g) as first_missing, upper(g) - 1 as last_missing,
                upper(g) - lower(g) as missing
            from saft.series s
            cross join lateral unnest(int8multirange(range_merge(s.numbers)) - s.numbers) g
            order by 1, 2, 3
            limit 1000
        ), gaps as (
            select m.*, before.invoice_date as previous_date, after.invoice_date
            from missing m
            left join lateral (
                select i.invoice_date from public.invoices i
                where i.company_id = m.company_id
                    and i.invoice_no = any(saft.spellings(m.series, m.first_missing - 1))
                order by i.invoice_no desc limit 1) before on true
            left join lateral (
                select i.invoice_date from public.invoices i
                where i.company_id = m.company_id
                    and i.invoice_no = any(saft.spellings(m.series, m.last_missing + 1))
                order by i.invoice_no limit 1) after on true
        ), coded as (
            select s.company_id, s.series, c.code
            from saft.series s cross join lateral unnest(s.codes) c (code)
        )
        select json_build_object(
            'gaps', (select coalesce(json_agg(g), '[]') from (
                select * from gaps g order by g.company_id, g.series, g.first_missing) g),
            'months', others -> 'months',
            'codes', (
                select saft.odd_codes(array_agg(c.company_id), array_agg(c.series), array_agg(c.code))
                from coded c),
            'credits', others -> 'credits',
            'credit_notes', others -> 'credit_notes',
            'conflicts', others -> 'conflicts')::text);
end $$;

-- A number of a series as InvoiceNo may have it: with as many zeros before it as there may be.
create or replace function saft.spellings(series text, number bigint) returns text[]
language sql immutable set search_path = ''
as $$
    select array_agg(series || '/' || lpad(number::text, width, '0'))
    from generate_series(length(number::text), 18) width
$$;
