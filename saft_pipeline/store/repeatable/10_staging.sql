-- Where rows wait to be published, keyed by the ledger row they belong to; `seq` is an invoice's
-- place in its file. Unlogged: what a crash empties is staged again. Never analyzed: rows come and
-- go between two looks of the statistics, so the functions that join these tables say by their
-- settings how; with both columns of the index every way of joining takes linear time.

create unlogged table saft.staging_companies as
select 0::bigint as ledger_id, c.* from public.companies c with no data;

create unlogged table saft.staging_customers as
select 0::bigint as ledger_id, c.* from public.customers c with no data;

create unlogged table saft.staging_invoices as
select 0::bigint as ledger_id, 0 as seq, i.* from public.invoices i with no data;

create unlogged table saft.staging_invoice_lines as
select 0::bigint as ledger_id, 0 as seq, l.* from public.invoice_lines l with no data;

-- What publishing finds out itself.
alter table saft.staging_companies
    drop column date_created, drop column invoice_file_id, drop column updated_at;
alter table saft.staging_customers drop column date_created, drop column invoice_file_id;
alter table saft.staging_invoices drop column id, drop column updated_at;
-- Rows end with it, whatever columns came later.
alter table saft.staging_invoices drop column content_hash, add column content_hash uuid;
alter table saft.staging_invoice_lines drop column invoice_id;
create index staging_companies_file on saft.staging_companies (ledger_id);
create index staging_customers_file on saft.staging_customers (ledger_id);
create index staging_invoices_place on saft.staging_invoices (ledger_id, seq);
create index staging_invoice_lines_place on saft.staging_invoice_lines (ledger_id, seq);

-- The files of a group, and what the ledger lets become of them: see saft.validate_staging.
create unlogged table saft.staging_files (
    ledger_id bigint primary key,
    company_id text,
    date_created date,
    invoices integer,
    lines integer,
    customers integer,
    declared_number_of_entries bigint,
    declared_total_debit numeric,
    declared_total_credit numeric,
    computed_number_of_entries bigint,
    computed_total_debit numeric,
    computed_total_credit numeric,
    warnings jsonb,
    same_as bigint,
    bytes_modified_at timestamptz,
    bytes_id bigint,
    state text not null,
    error text,
    start_date date,
    end_date date,
    tax_entity text,
    tax_accounting_basis text,
    software_certificate_number text,
    product_id text
);

-- What publishing decided of each staged invoice: which row it is, and whether its values go there.
create unlogged table saft.staging_links (
    ledger_id bigint not null,
    seq integer not null,
    invoice_id bigint not null,
    content_hash uuid not null,
    line_count integer,
    is_new boolean not null,
    wins boolean not null,
    conflict jsonb,
    primary key (ledger_id, seq)
);

-- Batches that came over REST, so that one that is sent twice is staged once.
create unlogged table saft.staging_batches (
    attempt uuid not null,
    number integer not null,
    ids bigint[] not null,
    primary key (attempt, number)
);

comment on table saft.staging_companies is 'Rows on their way to companies.';
comment on table saft.staging_customers is 'Rows on their way to customers.';
comment on table saft.staging_invoices is 'Rows on their way to invoices.';
comment on table saft.staging_invoice_lines is 'Rows on their way to invoice_lines.';
comment on table saft.staging_files is 'Files that are being published.';
comment on table saft.staging_links is 'What was decided of each staged invoice.';
comment on table saft.staging_batches is 'Batches that came over REST.';

do $$
declare
    staging record;
begin
    for staging in
        select c.oid::regclass::text as name
        from pg_catalog.pg_class c
        where c.relnamespace = 'saft'::regnamespace and c.relpersistence = 'u' and c.relkind = 'r'
    loop
        execute format(
            'alter table %s set (autovacuum_analyze_threshold = 2000000000)', staging.name);
    end loop;
end $$;

-- Rows in the text form of COPY, one a line: what the direct way in copies, REST sends as a text.
-- A backspace stands for null: XML 1.0 forbids it.
create or replace function saft.unescaped(value text) returns text
language sql immutable set search_path = ''
as $$
    select coalesce(string_agg(
        replace(replace(replace(part, E'\\t', E'\t'), E'\\n', E'\n'), E'\\r', E'\r'),
        E'\\' order by place), value)
    from unnest(string_to_array(value, E'\\\\')) with ordinality v(part, place)
$$;

create or replace function saft.copy_rows(batch text) returns setof text[]
language sql immutable set search_path = ''
as $$
    select case
        when position(E'\\' in line) = 0 then string_to_array(line, E'\t', E'\b')
        else (select array_agg(saft.unescaped(value) order by place)
              from unnest(string_to_array(line, E'\t', E'\b')) with ordinality v(value, place))
        end
    from unnest(string_to_array(batch, E'\n')) line
    where line <> ''
$$;

-- For each table `saft.stage_TABLE(batch, ids)`: stage those rows of a batch that are of these files.
-- Values come in the order of the staging table's columns, which give them their types.
do $$
declare
    staging record;
begin
    for staging in
        select t.name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns,
            string_agg(format('r[%s]::%s', a.place, format_type(a.atttypid, null)), ', '
                order by a.attnum) as casts
        from unnest('{companies,customers,invoices,invoice_lines}'::text[]) t(name)
        cross join lateral (
            select c.*, row_number() over (order by c.attnum) as place
            from pg_catalog.pg_attribute c
            where c.attrelid = ('saft.staging_' || t.name)::regclass
                and c.attnum > 0 and not c.attisdropped
        ) a
        group by t.name
    loop
        execute format($function$
            create or replace function saft.stage_%1$s(batch text, ids bigint[]) returns void
            language plpgsql set search_path = ''
            as $body$
            begin
                insert into saft.staging_%1$s (%2$s)
                select %3$s from saft.copy_rows(batch) r where r[1]::bigint = any(ids);
            end $body$
            $function$, staging.name, staging.columns, staging.casts);
    end loop;
end $$;

create or replace function saft.stage(table_name text, batch text, ids bigint[]) returns void
language plpgsql set search_path = ''
as $$
begin
    case table_name
    when 'companies' then perform saft.stage_companies(batch, ids);
    when 'customers' then perform saft.stage_customers(batch, ids);
    when 'invoices' then perform saft.stage_invoices(batch, ids);
    when 'invoice_lines' then perform saft.stage_invoice_lines(batch, ids);
    end case;
end $$;

create or replace function saft.clear_staging(ids bigint[]) returns void
language plpgsql set search_path = '' set enable_seqscan = off
as $$
begin
    delete from saft.staging_files where ledger_id = any(ids);
    delete from saft.staging_companies where ledger_id = any(ids);
    delete from saft.staging_customers where ledger_id = any(ids);
    delete from saft.staging_invoices where ledger_id = any(ids);
    delete from saft.staging_invoice_lines where ledger_id = any(ids);
    delete from saft.staging_links where ledger_id = any(ids);
    delete from saft.staging_batches b where b.ids && clear_staging.ids;
end $$;
