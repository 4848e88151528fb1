-- What of a group's staged rows goes into the tables. In every function `ids` are ledger ids of
-- files that staging holds completely, whose companies nobody else writes meanwhile.

-- The order between files: DateCreated, then when their bytes were first seen.
create or replace view saft.file_order with (security_invoker = true) as
select f.id, f.date_created, seen.bytes_modified_at, seen.bytes_id
from public.invoice_files f
cross join lateral (
    select same.bytes_modified_at, same.id as bytes_id
    from public.invoice_files same
    where same.sha256 = f.sha256 and same.bytes_modified_at is not null
    order by same.bytes_modified_at, same.id
    limit 1
) seen;

-- Companies and customers: the later DateCreated, then the bytes first seen later. At the same
-- order (the same bytes, read by another version of this program) other values are taken, too.
create or replace function saft.upsert_companies(ids bigint[]) returns void
language plpgsql set search_path = ''
as $$
begin
    with best as materialized (
        select distinct on (s.company_id collate "C") s.*,
            coalesce(p.date_created, '-infinity') as created, p.bytes_modified_at, p.bytes_id
        from saft.staging_files p
        join saft.staging_companies s using (ledger_id)
        where p.ledger_id = any(ids)
        order by s.company_id collate "C", created desc, p.bytes_modified_at desc, p.bytes_id desc
    )
    insert into public.companies as c (
        company_id, company_name, business_name, address_detail, city, postal_code, country,
        date_created, invoice_file_id)
    select b.company_id, b.company_name, b.business_name, b.address_detail, b.city, b.postal_code,
        b.country, nullif(b.created, '-infinity'), b.ledger_id
    from best b
    left join public.companies old using (company_id)
    left join saft.file_order o on o.id = old.invoice_file_id
    where old.company_id is null
        or (b.created, b.bytes_modified_at, b.bytes_id)
            > (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
        or (b.created, b.bytes_modified_at, b.bytes_id)
            = (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
            and (b.company_name, b.business_name, b.address_detail, b.city, b.postal_code,
                 b.country)
                is distinct from
                (old.company_name, old.business_name, old.address_detail, old.city,
                 old.postal_code, old.country)
    on conflict (company_id) do update set
        company_name = excluded.company_name, business_name = excluded.business_name,
        address_detail = excluded.address_detail, city = excluded.city,
        postal_code = excluded.postal_code, country = excluded.country,
        date_created = excluded.date_created, invoice_file_id = excluded.invoice_file_id,
        updated_at = case
            when (c.company_name, c.business_name, c.address_detail, c.city, c.postal_code,
                  c.country)
                is distinct from
                (excluded.company_name, excluded.business_name, excluded.address_detail,
                 excluded.city, excluded.postal_code, excluded.country)
            then now() else c.updated_at end;
end $$;

create or replace function saft.upsert_customers(ids bigint[]) returns void
language plpgsql set search_path = ''
as $$
begin
    with best as materialized (
        select distinct on (s.company_id collate "C", s.customer_id collate "C") s.*,
            coalesce(p.date_created, '-infinity') as created, p.bytes_modified_at, p.bytes_id
        from saft.staging_files p
        join saft.staging_customers s using (ledger_id)
        where p.ledger_id = any(ids)
        order by s.company_id collate "C", s.customer_id collate "C", created desc,
            p.bytes_modified_at desc, p.bytes_id desc
    )
    insert into public.customers (
        company_id, customer_id, customer_tax_id, account_id, company_name, address_detail, city,
        postal_code, country, date_created, invoice_file_id)
    select b.company_id, b.customer_id, b.customer_tax_id, b.account_id, b.company_name,
        b.address_detail, b.city, b.postal_code, b.country, nullif(b.created, '-infinity'),
        b.ledger_id
    from best b
    left join public.customers old using (company_id, customer_id)
    left join saft.file_order o on o.id = old.invoice_file_id
    where old.company_id is null
        or (b.created, b.bytes_modified_at, b.bytes_id)
            > (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
        or (b.created, b.bytes_modified_at, b.bytes_id)
            = (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
            and (b.customer_tax_id, b.account_id, b.company_name, b.address_detail, b.city,
                 b.postal_code, b.country)
                is distinct from
                (old.customer_tax_id, old.account_id, old.company_name, old.address_detail,
                 old.city, old.postal_code, old.country)
    on conflict (company_id, customer_id) do update set
        customer_tax_id = excluded.customer_tax_id, account_id = excluded.account_id,
        company_name = excluded.company_name, address_detail = excluded.address_detail,
        city = excluded.city, postal_code = excluded.postal_code, country = excluded.country,
        date_created = excluded.date_created, invoice_file_id = excluded.invoice_file_id;
end $$;

-- The warning about two documents that bear one number.
create or replace function saft.conflict(
    invoice_no text, our_date date, our_hash text, their_date date, their_hash text) returns jsonb
language sql immutable set search_path = ''
as $$
    select jsonb_build_object(
        'code', 'conflict', 'line', null,
        'message', format(
            'invoice %s is another document than the one loaded under that number: InvoiceDate %s '
            'and %s, Hash %s and %s; numbers collide in self-billing, or where a series is used '
            'again', invoice_no, our_date, their_date,
            coalesce(left(our_hash, 12), 'none'), coalesce(left(their_hash, 12), 'none')),
        'invoice_no', invoice_no,
        'this_file', jsonb_build_object('invoice_date', our_date, 'hash', our_hash),
        'other_file', jsonb_build_object('invoice_date', their_date, 'hash', their_hash))
$$;

-- Whether any invoice of this staged file is in the tables already.
create or replace function saft.holds_known_invoices(file bigint) returns boolean
language plpgsql set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    return exists (
        select from saft.staging_invoices s
        cross join lateral (
            select from public.invoices x
            where x.company_id = s.company_id and x.invoice_no = s.invoice_no
            limit 1
        ) old
        where s.ledger_id = file);
end $$;

-- Which row each staged invoice is, and whether its values go there: the later InvoiceStatusDate,
-- then cancelled over not, then the bytes first seen later. Each of its steps may take work_mem: in
-- little of it a file of any size is sorted on disk, in no more time.
create or replace function saft.match_invoices(ids bigint[]) returns void
language plpgsql set search_path = '' set work_mem = '8MB' set plan_cache_mode = force_custom_plan
as $$
begin
    if cardinality(ids) = 1 and not saft.holds_known_invoices(ids[1]) then
        -- Most large files: nothing to compare with, nor to sort for it.
        insert into saft.staging_links (
            ledger_id, seq, invoice_id, content_hash, line_count, is_new, wins)
        select s.ledger_id, s.seq, nextval('public.invoices_id_seq'), s.content_hash, s.line_count,
            true, true
        from saft.staging_invoices s
        where s.ledger_id = ids[1];
        return;
    end if;
    with staged as (
        -- Of those that bear one number in the group, `place` 1 comes last in that order.
        select i.ledger_id, i.seq, i.content_hash, i.company_id, i.invoice_no, i.invoice_date,
            i.hash, i.line_count, p.bytes_modified_at, p.bytes_id,
            coalesce(i.invoice_status_date, '-infinity') as status_date,
            i.invoice_status is not distinct from 'A' as cancelled,
            row_number() over (
                partition by i.company_id collate "C", i.invoice_no collate "C"
                order by coalesce(i.invoice_status_date, '-infinity') desc,
                    i.invoice_status is not distinct from 'A' desc,
                    p.bytes_modified_at desc, p.bytes_id desc, i.ledger_id desc) as place
        from saft.staging_files p
        join saft.staging_invoices i using (ledger_id)
        where p.ledger_id = any(ids)
    ), compared as (
        -- With the row that is there, whose order is that of the newest file that says the same as
        -- it. Of equal content nothing is written.
        select s.*, old.id as old_id, old.invoice_date as old_date, old.hash as old_hash,
            case when old.content_hash <> s.content_hash then coalesce(
                (s.status_date, s.cancelled, s.bytes_modified_at, s.bytes_id)
                >= (coalesce(old.invoice_status_date, '-infinity'),
                    old.invoice_status is not distinct from 'A', o.bytes_modified_at, o.bytes_id),
                true) else false end as beats_old
        from staged s
        left join lateral (
            select x.* from public.invoices x
            where x.company_id = s.company_id and x.invoice_no = s.invoice_no
            limit 1
        ) old on true
        left join lateral (
            select seen.bytes_modified_at, seen.bytes_id
            from public.invoice_file_links l
            join saft.file_order seen on seen.id = l.invoice_file_id
            where l.invoice_id = old.id and l.content_hash = old.content_hash
                and old.content_hash <> s.content_hash
            order by seen.bytes_modified_at desc, seen.bytes_id desc
            limit 1
        ) o on true
    ), matched as (
        select c.*, c.place = 1 and c.old_id is null as is_new,
            case when c.place = 1
                 then coalesce(c.old_id, nextval('public.invoices_id_seq')) end as invoice_id
        from compared c
    )
    insert into saft.staging_links (
        ledger_id, seq, invoice_id, content_hash, line_count, is_new, wins, conflict)
    select m.ledger_id, m.seq, first_value(m.invoice_id) over document, m.content_hash,
        m.line_count, m.is_new, m.is_new or m.place = 1 and m.beats_old,
        case
            when m.invoice_date <> first_value(m.invoice_date) over document
                or m.hash <> first_value(m.hash) over document
            then saft.conflict(
                m.invoice_no, m.invoice_date, m.hash, first_value(m.invoice_date) over document,
                first_value(m.hash) over document)
            when m.invoice_date <> m.old_date or m.hash <> m.old_hash
            then saft.conflict(m.invoice_no, m.invoice_date, m.hash, m.old_date, m.old_hash)
        end
    from matched m
    window document as (
        partition by m.company_id collate "C", m.invoice_no collate "C" order by m.place);
end $$;

-- New invoices.
create or replace function saft.insert_invoices(ids bigint[]) returns void
language plpgsql set search_path = ''
as $$
begin
    insert into public.invoices (
        id, company_id, invoice_no, atcud, hash, hash_control, hash_extract, period, invoice_date,
        invoice_type, invoice_status, invoice_status_date, status_reason, source_billing,
        system_entry_date, customer_id, tax_payable, net_total, gross_total, currency_code,
        currency_amount, payment_amount, withholding_tax_amount, line_count,
        cash_vat_scheme, content_hash)
    select l.invoice_id, s.company_id, s.invoice_no, s.atcud, s.hash, s.hash_control,
        s.hash_extract, s.period, s.invoice_date, s.invoice_type, s.invoice_status,
        s.invoice_status_date, s.status_reason, s.source_billing, s.system_entry_date,
        s.customer_id, s.tax_payable, s.net_total, s.gross_total, s.currency_code,
        s.currency_amount, s.payment_amount, s.withholding_tax_amount, s.line_count,
        s.cash_vat_scheme, s.content_hash
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where l.ledger_id = any(ids) and l.is_new;
end $$;

-- Invoices whose values win over the ones there; the lines they had go.
create or replace function saft.update_invoices(ids bigint[]) returns void
language plpgsql set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    update public.invoices i set
        atcud = s.atcud, hash = s.hash, hash_control = s.hash_control,
        hash_extract = s.hash_extract, period = s.period, invoice_date = s.invoice_date,
        invoice_type = s.invoice_type, invoice_status = s.invoice_status,
        invoice_status_date = s.invoice_status_date, status_reason = s.status_reason,
        source_billing = s.source_billing, system_entry_date = s.system_entry_date,
        customer_id = s.customer_id, tax_payable = s.tax_payable, net_total = s.net_total,
        gross_total = s.gross_total, currency_code = s.currency_code,
        currency_amount = s.currency_amount, payment_amount = s.payment_amount,
        withholding_tax_amount = s.withholding_tax_amount, line_count = s.line_count,
        cash_vat_scheme = s.cash_vat_scheme, content_hash = s.content_hash, updated_at = now()
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where i.id = l.invoice_id and l.ledger_id = any(ids) and l.wins and not l.is_new;

    delete from public.invoice_lines
    where invoice_id in (
        select l.invoice_id from saft.staging_links l
        where l.ledger_id = any(ids) and l.wins and not l.is_new);
end $$;

-- The staged lines of all invoices that win. Both sides of the join are read once, in full.
create or replace function saft.insert_lines(ids bigint[]) returns void
language plpgsql set search_path = '' set work_mem = '64MB'
set enable_nestloop = off set enable_hashjoin = on
as $$
begin
    insert into public.invoice_lines (
        invoice_id, line_number, product_code, product_description, description, quantity,
        unit_of_measure, unit_price, tax_base, tax_point_date, debit_amount, credit_amount,
        tax_type, tax_country_region, tax_code, tax_percentage, tax_amount, tax_exemption_reason,
        tax_exemption_code, settlement_amount, reference, reason)
    select l.invoice_id, s.line_number, s.product_code, s.product_description, s.description,
        s.quantity, s.unit_of_measure, s.unit_price, s.tax_base, s.tax_point_date, s.debit_amount,
        s.credit_amount, s.tax_type, s.tax_country_region, s.tax_code, s.tax_percentage,
        s.tax_amount, s.tax_exemption_reason, s.tax_exemption_code, s.settlement_amount,
        s.reference, s.reason
    from saft.staging_links l
    join saft.staging_invoice_lines s using (ledger_id, seq)
    where l.ledger_id = any(ids) and s.ledger_id = any(ids) and l.wins;
end $$;

-- Which invoices each version of a file holds: as staged, or as the row with the same bytes has it.
create or replace function saft.insert_links(ids bigint[]) returns void
language plpgsql set search_path = ''
as $$
begin
    insert into public.invoice_file_links (invoice_file_id, invoice_id, content_hash)
    select l.ledger_id, l.invoice_id, l.content_hash
    from saft.staging_links l
    where l.ledger_id = any(ids)
    union all
    select p.ledger_id, l.invoice_id, l.content_hash
    from saft.staging_files p
    join public.invoice_file_links l on l.invoice_file_id = p.same_as
    where p.ledger_id = any(ids) and p.same_as <> p.ledger_id
    on conflict (invoice_file_id, invoice_id) do update set content_hash = excluded.content_hash
    where invoice_file_links.content_hash <> excluded.content_hash;
end $$;
