-- Where rows wait to be published, as text, keyed by the ledger row they belong to. Unlogged: what
-- a crash empties is staged again. Never analyzed: rows come and go between two looks of the
-- statistics, and figures of another file's rows would mislead the planner.

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
    sha256 text,
    bytes_modified_at timestamptz,
    bytes_id bigint,
    verdict text,
    error text
);

create unlogged table saft.staging_companies (
    ledger_id bigint not null,
    company_id text,
    company_name text,
    business_name text,
    address_detail text,
    city text,
    postal_code text,
    country text
);
create index on saft.staging_companies (ledger_id);

create unlogged table saft.staging_customers (
    ledger_id bigint not null,
    company_id text,
    customer_id text,
    customer_tax_id text,
    account_id text,
    company_name text,
    address_detail text,
    city text,
    postal_code text,
    country text
);
create index on saft.staging_customers (ledger_id);

create unlogged table saft.staging_invoices (
    ledger_id bigint not null,
    seq integer not null,
    content_hash uuid not null,
    company_id text,
    invoice_no text,
    atcud text,
    hash text,
    hash_control text,
    hash_extract text,
    period text,
    invoice_date text,
    invoice_type text,
    invoice_status text,
    invoice_status_date text,
    status_reason text,
    source_billing text,
    system_entry_date text,
    customer_id text,
    tax_payable text,
    net_total text,
    gross_total text,
    currency_code text,
    currency_amount text,
    payment_amount text,
    withholding_tax_amount text,
    line_count text
);
create index on saft.staging_invoices (ledger_id, seq);

create unlogged table saft.staging_invoice_lines (
    ledger_id bigint not null,
    seq integer not null,
    line_number text,
    product_code text,
    product_description text,
    description text,
    quantity text,
    unit_of_measure text,
    unit_price text,
    tax_base text,
    tax_point_date text,
    debit_amount text,
    credit_amount text,
    tax_type text,
    tax_country_region text,
    tax_code text,
    tax_percentage text,
    tax_amount text,
    tax_exemption_reason text,
    tax_exemption_code text,
    settlement_amount text,
    reference text,
    reason text
);
create index on saft.staging_invoice_lines (ledger_id);

-- What publishing decided of each staged invoice: which row it is, and whether its values go there.
create unlogged table saft.staging_links (
    ledger_id bigint not null,
    seq integer not null,
    invoice_id bigint not null,
    content_hash uuid not null,
    best_ledger_id bigint not null,
    best_seq integer not null,
    is_new boolean not null,
    wins boolean not null,
    conflict jsonb
);
create index on saft.staging_links (ledger_id, seq);

do $$
declare
    staging text;
begin
    foreach staging in array array['files', 'companies', 'customers', 'invoices', 'invoice_lines',
                                   'links']
    loop
        execute format(
            'alter table saft.%I set (autovacuum_analyze_threshold = 2000000000)',
            'staging_' || staging);
    end loop;
end $$;

-- Rows in the text form of COPY, one a line: what the direct way in copies, REST sends as a text.
create function saft.unescaped(value text) returns text
language sql immutable set search_path = ''
as $$
    -- Chr(1) stands for a backslash meanwhile: XML 1.0 forbids it, so no value holds it.
    select replace(replace(replace(replace(replace(
        value, E'\\\\', chr(1)), E'\\t', E'\t'), E'\\n', E'\n'), E'\\r', E'\r'), chr(1), E'\\')
$$;

create function saft.copy_rows(batch text) returns setof text[]
language sql immutable set search_path = ''
as $$
    select case
        when position(E'\\' in replace(line, E'\\N', '')) = 0 then string_to_array(line, E'\t', E'\\N')
        else (select array_agg(saft.unescaped(value) order by place)
              from unnest(string_to_array(line, E'\t', E'\\N')) with ordinality v(value, place))
        end
    from unnest(string_to_array(batch, E'\n')) line
    where line <> ''
$$;

create function saft.stage(table_name text, batch text) returns void
language plpgsql set search_path = ''
as $$
begin
    case table_name
    when 'companies' then
        insert into saft.staging_companies
        select r[1]::bigint, r[2], r[3], r[4], r[5], r[6], r[7], r[8]
        from saft.copy_rows(batch) r;
    when 'customers' then
        insert into saft.staging_customers
        select r[1]::bigint, r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10]
        from saft.copy_rows(batch) r;
    when 'invoices' then
        insert into saft.staging_invoices
        select r[1]::bigint, r[2]::integer, r[3]::uuid, r[4], r[5], r[6], r[7], r[8], r[9], r[10],
            r[11], r[12], r[13], r[14], r[15], r[16], r[17], r[18], r[19], r[20], r[21], r[22],
            r[23], r[24], r[25], r[26]
        from saft.copy_rows(batch) r;
    when 'invoice_lines' then
        insert into saft.staging_invoice_lines
        select r[1]::bigint, r[2]::integer, r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10],
            r[11], r[12], r[13], r[14], r[15], r[16], r[17], r[18], r[19], r[20], r[21], r[22],
            r[23]
        from saft.copy_rows(batch) r;
    end case;
end $$;

create function saft.clear_staging(ids bigint[]) returns void
language plpgsql set search_path = ''
as $$
begin
    delete from saft.staging_files where ledger_id = any(ids);
    delete from saft.staging_companies where ledger_id = any(ids);
    delete from saft.staging_customers where ledger_id = any(ids);
    delete from saft.staging_invoices where ledger_id = any(ids);
    delete from saft.staging_invoice_lines where ledger_id = any(ids);
    delete from saft.staging_links where ledger_id = any(ids);
end $$;

-- Over REST a large file comes in several calls; the first clears what an earlier try left.
create function public.saft_stage(ids bigint[], table_name text, batch text, first boolean)
returns void
language plpgsql set search_path = '' set statement_timeout = '60s'
as $$
begin
    if first then
        perform saft.clear_staging(ids);
    end if;
    perform saft.stage(table_name, batch);
end $$;

insert into saft.migrations (version, name) values ('20261124090100', 'staging');
