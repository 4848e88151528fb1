-- Rows of a table or view for spreadsheets and data tools.

-- What can be exported: its rows `t` and what else is read beside them, the key that orders them (its
-- expressions and their types), and where the company and the day are. Null: it has none.
create or replace view saft.exports with (security_invoker = true) as
select * from (values
    ('companies', '', '', '{t.company_id}'::text[], '{text}'::text[], 't.company_id', null),
    ('customers', '', '', '{t.company_id,t.customer_id}', '{text,text}', 't.company_id', null),
    ('invoices', '', '', '{t.id}', '{bigint}', 't.company_id', 't.invoice_date'),
    ('invoice_lines', 'join public.invoices i on i.id = t.invoice_id', 'invoices',
        '{t.invoice_id,t.line_number}', '{bigint,integer}', 'i.company_id', 'i.invoice_date'),
    ('invoice_files', '', '', '{t.id}', '{bigint}', 't.company_id',
        '(t.first_seen_at at time zone ''UTC'')::date'),
    ('invoice_file_links', 'join public.invoices i on i.id = t.invoice_id', 'invoices',
        '{t.invoice_file_id,t.invoice_id}', '{bigint,bigint}', 'i.company_id', 'i.invoice_date'),
    ('invoice_overview', '', '', '{t.id}', '{bigint}', 't.company_id', 't.invoice_date'),
    ('invoice_credits', 'join public.invoices i on i.id = t.invoice_id', '',
        '{t.invoice_id}', '{bigint}', 't.company_id', 'i.invoice_date'),
    ('invoice_sources', '', '', '{t.invoice_id,t.invoice_file_id}', '{bigint,bigint}',
        't.company_id', 't.invoice_date'),
    ('credit_note_links', '', '', '{t.credit_note_id,t.invoice_no}', '{bigint,text}',
        't.company_id', 't.credit_note_date'),
    ('sales_by_day', '', '',
        '{t.company_id,"coalesce(t.invoice_date, ''-infinity'')","coalesce(t.branch, '''')"}',
        '{text,date,text}', 't.company_id', 't.invoice_date'),
    ('vat_by_month', '', '',
        '{t.company_id,"coalesce(t.month, ''-infinity'')","coalesce(t.tax_country_region, '''')",
          "coalesce(t.tax_code, '''')","coalesce(t.tax_percentage, -1)"}',
        '{text,date,text,text,numeric}', 't.company_id', 't.month')
) e(relation, joined, beside, key, types, company, day);

-- A page of rows as JSON text, in which numbers are exact, in the order of the key from beyond `after`:
-- `columns` are names and types, `rows` values in their order, `next` where the following page begins
-- (null after the last). Lines and links come with the company, number and date of their invoice.
create or replace function public.saft_export(
    relation text, company_id text default null, start_date date default null,
    end_date date default null, after text[] default null, "limit" bigint default 10000)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set jit = off set quote_all_identifiers = off
as $$
#variable_conflict use_variable
declare
    export saft.exports;
    columns json;
    listed text;
    condition text := 'true';
    found json;
    following text[];
begin
    select e.* into export from saft.exports e where e.relation = saft_export.relation;
    if export.relation is null then
        raise exception 'no table or view is called %', relation using errcode = 'undefined_table';
    end if;
    if export.day is null and (start_date is not null or end_date is not null) then
        raise exception '% have no date', relation using errcode = 'undefined_column';
    end if;
    select json_agg(json_build_array(c.name, c.type) order by c.place),
        string_agg(format('%s.%I', c.owner, c.name), ', ' order by c.place)
    into columns, listed
    from (
        select case owner.relation when export.relation then 't' else 'i' end as owner,
            a.attname as name, format_type(a.atttypid, null) as type,
            row_number() over (order by owner.relation = export.relation, a.attnum) as place
        from unnest(array_remove(array[export.relation, export.beside], '')) owner(relation)
        join pg_catalog.pg_attribute a on a.attrelid = format('public.%I', owner.relation)::regclass
        where a.attnum > 0 and not a.attisdropped
            and a.attname <> all(saft.internal_columns(owner.relation))
            and (owner.relation = export.relation
                or a.attname in ('company_id', 'invoice_no', 'invoice_date'))
    ) c;
    if company_id is not null then
        condition := condition || format(' and %s = $1', export.company);
    end if;
    if start_date is not null then
        condition := condition || format(' and %s >= $2', export.day);
    end if;
    if end_date is not null then
        condition := condition || format(' and %s <= $3', export.day);
    end if;
    if after is not null then
        condition := condition || (
            select format(' and (%s) > (%s)', array_to_string(export.key, ', '),
                string_agg(format('$4[%s]::%s', k.place, k.type), ', ' order by k.place))
            from unnest(export.types) with ordinality k(type, place));
    end if;
    execute format(
        'with page as materialized (
            select row_number() over () as place, json_build_array(%1$s) as cells, p.key
            from (select %2$s, array[%3$s] as key from public.%4$I t %5$s where %6$s order by %7$s limit $5) p)
        select coalesce(json_agg(page.cells order by page.place), ''[]''),
            (select p.key from page p order by p.place desc limit 1)
        from page',
        (select string_agg(format('p.c%s', n), ', ')
            from generate_series(1, json_array_length(columns)) n),
        (select string_agg(format('%s as c%s', l.item, l.n), ', ' order by l.n)
            from unnest(string_to_array(listed, ', ')) with ordinality l(item, n)),
        (select string_agg(format('(%s)::text', k), ', ') from unnest(export.key) k),
        relation, export.joined, condition, array_to_string(export.key, ', '))
    into found, following using company_id, start_date, end_date, after, "limit";
    return json_build_object('columns', columns, 'rows', found,
        'next', case when json_array_length(found) = "limit" then following end);
end $$;
