-- What people and reports read: views over the tables, and rows for a DataFrame.

-- Computed at each look, so that the order in which files arrive does not matter. Amounts are net,
-- as lines are: a credit note may refer to several invoices, its total to none of them.
create or replace view public.invoice_credits with (security_invoker = true) as
select i.id as invoice_id, i.company_id, i.invoice_no, i.net_total,
    coalesce(c.credit_notes, 0) as credit_notes,
    coalesce(c.credited, 0) as credited,
    c.last_credited_on,
    i.invoice_status is distinct from 'A'
        and not (coalesce(c.credited, 0) > 0 and c.credited >= i.net_total) as active
from public.invoices i
left join lateral (
    select count(distinct note.id) as credit_notes,
        sum(coalesce(line.debit_amount, 0) - coalesce(line.credit_amount, 0)) as credited,
        max(note.invoice_date) as last_credited_on
    from public.invoice_lines line
    join public.invoices note on note.id = line.invoice_id
    where line.reference = i.invoice_no and note.company_id = i.company_id
        and note.invoice_type = 'NC' and note.invoice_status is distinct from 'A'
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
    i.updated_at
from public.invoices i
join public.companies company on company.company_id = i.company_id
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

comment on view public.invoice_overview is 'Invoices with the names of company and customer, what was credited, and the newest file that holds them.';
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
comment on column public.invoice_overview.net_total is 'invoices.net_total.';
comment on column public.invoice_overview.tax_payable is 'invoices.tax_payable.';
comment on column public.invoice_overview.gross_total is 'invoices.gross_total.';
comment on column public.invoice_overview.line_count is 'invoices.line_count.';
comment on column public.invoice_overview.credit_notes is 'invoice_credits.credit_notes.';
comment on column public.invoice_overview.credited is 'invoice_credits.credited.';
comment on column public.invoice_overview.active is 'invoice_credits.active.';
comment on column public.invoice_overview.branch is 'invoice_files.branch of the newest file.';
comment on column public.invoice_overview.newest_file is 'invoice_files.path of the newest file that holds the invoice.';
comment on column public.invoice_overview.loaded_at is 'When that file was loaded.';
comment on column public.invoice_overview.updated_at is 'invoices.updated_at.';

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
set jit = off
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
