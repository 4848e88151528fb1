-- Rows for a DataFrame, and for who exports a table.

-- Some rows of a table that files hold, as JSON text: numbers in it are exact, which a client that
-- parses JSON by itself may not keep. `keys` are files by their key (their newest loaded version),
-- `ids` versions by ledger id. A file's customers are those of its invoices. The rows come in the
-- order of the primary key, from the one beyond `after`, the key's values as text.
create or replace function public.saft_rows(
    table_name text, keys text[] default null, ids bigint[] default null,
    after text[] default null, "limit" bigint default 10000)
returns text
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set jit = off set quote_all_identifiers = off
as $$
#variable_conflict use_variable
declare
    files bigint[] := ids;
    invoices bigint[];
    condition text;
    columns json;
    listed text;
    key text[];
    types text[];
    rows text;
begin
    condition := case table_name
        when 'invoice_files' then 't.id = any($1)'
        when 'invoice_file_links' then 't.invoice_file_id = any($1)'
        when 'companies' then 't.company_id in (
            select f.company_id from public.invoice_files f where f.id = any($1))'
        when 'customers' then '(t.company_id, t.customer_id) in (
            select i.company_id, i.customer_id from public.invoices i where i.id = any($2))'
        when 'invoices' then 't.id = any($2)'
        when 'invoice_lines' then 't.invoice_id = any($2)'
        end;
    if condition is null then
        raise exception 'no table is called %', table_name using errcode = 'undefined_table';
    end if;
    if keys is not null then
        files := array(
            select distinct on (f.source, f.path) f.id from public.invoice_files f
            where left(md5(f.source || ' ' || f.path), 12) = any(keys) and f.loaded_at is not null
            order by f.source, f.path, f.version desc);
    end if;
    if condition like '%$2%' then
        invoices := array(
            select distinct l.invoice_id from public.invoice_file_links l
            where l.invoice_file_id = any(files));
    end if;
    select json_agg(json_build_array(a.attname, format_type(a.atttypid, null)) order by a.attnum),
        string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
    into columns, listed
    from pg_catalog.pg_attribute a
    where a.attrelid = format('public.%I', table_name)::regclass and a.attnum > 0
        and not a.attisdropped
        and a.attname <> all(saft.internal_columns(table_name));
    select array_agg(a.attname order by k.place),
        array_agg(format_type(a.atttypid, null) order by k.place)
    into key, types
    from pg_catalog.pg_index i
    cross join unnest(i.indkey) with ordinality k(attnum, place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = format('public.%I', table_name)::regclass and i.indisprimary;
    if after is not null then
        condition := condition || (
            select format(' and (%s) > (%s)',
                string_agg(format('t.%I', k.name), ', ' order by k.place),
                string_agg(format('$3[%s]::%s', k.place, types[k.place]), ', ' order by k.place))
            from unnest(key) with ordinality k(name, place));
    end if;
    execute format(
        'select json_agg(r) from (select %s from public.%I t where %s order by %s limit $4) r',
        listed, table_name, condition,
        (select string_agg(format('t.%I', name), ', ') from unnest(key) name))
    into rows using files, invoices, after, "limit";
    return json_build_object('columns', columns, 'key', key, 'rows', coalesce(rows::json, '[]'));
end $$;

-- The Hash of each of these documents of a company, by InvoiceNo; those that are there.
create or replace function public.saft_hashes(company_id text, invoice_nos text[]) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_object_agg(i.invoice_no, i.hash), '{}')
    from public.invoices i
    where i.company_id = saft_hashes.company_id and i.hash is not null
        and i.invoice_no = any(invoice_nos)
$$;
