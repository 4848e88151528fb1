-- Publishing a group of staged files: one call, one transaction, the contract's six rules.

-- When the bytes of a file were first seen: the second part of the order between files.
create view saft.file_order with (security_invoker = true) as
select f.id, f.date_created, first.bytes_modified_at, first.bytes_id
from public.invoice_files f
cross join lateral (
    select same.bytes_modified_at, same.id as bytes_id
    from public.invoice_files same
    where same.sha256 = f.sha256 and same.bytes_modified_at is not null
    order by same.bytes_modified_at, same.id
    limit 1
) first;

-- Whether values of a newer order take the place of others. At the same order (the same bytes, read
-- by another version of this program) they do if they differ.
create function saft.is_later(
    new_date date, new_modified_at timestamptz, new_id bigint,
    old_date date, old_modified_at timestamptz, old_id bigint, differ boolean) returns boolean
language sql immutable set search_path = ''
as $$
    select case
        when old_id is null then true
        when differ then (coalesce(new_date, '-infinity'), new_modified_at, new_id)
            >= (coalesce(old_date, '-infinity'), old_modified_at, old_id)
        else (coalesce(new_date, '-infinity'), new_modified_at, new_id)
            > (coalesce(old_date, '-infinity'), old_modified_at, old_id) end
$$;

-- Whether the ledger lets `owner` publish each file, and whether staging holds what is expected.
create function saft.publish_judge(owner text, ids bigint[]) returns void
language plpgsql security invoker
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
begin
    perform from public.invoice_files f where f.id = any(ids) order by f.id for update;

    update saft.staging_files p
    set sha256 = f.sha256,
        verdict = case
            when f.status = 'running' and f.claimed_by = owner then 'ready'
            when f.status = 'loaded' and f.publication ->> 'owner' = owner then 'repeated'
            else 'lost' end
    from public.invoice_files f
    where p.ledger_id = any(ids) and f.id = p.ledger_id;

    update saft.staging_files p
    set (bytes_modified_at, bytes_id) = (
        select o.bytes_modified_at, o.bytes_id from saft.file_order o where o.id = p.ledger_id)
    where p.ledger_id = any(ids);

    update saft.staging_files p
    set verdict = 'refused',
        error = format('the same bytes were loaded as ledger row %s, which is no longer loaded; '
                       'take the file again: saft retry', p.same_as)
    where p.ledger_id = any(ids) and p.verdict = 'ready' and p.same_as is not null
        and not exists (
            select from public.invoice_files f
            where f.id = p.same_as and f.loaded_at is not null and f.sha256 = p.sha256);

    update saft.staging_files p
    set verdict = 'refused',
        error = format(
            'staging holds %s companies, %s customers, %s invoices and %s lines, but 1, %s, %s '
            'and %s are expected; nothing was published',
            held.companies, held.customers, held.invoices, held.lines,
            p.customers, p.invoices, p.lines)
    from saft.staging_files q
    cross join lateral (
        select (select count(*) from saft.staging_companies s where s.ledger_id = q.ledger_id)
                   as companies,
               (select count(*) from saft.staging_customers s where s.ledger_id = q.ledger_id)
                   as customers,
               (select count(*) from saft.staging_invoices s where s.ledger_id = q.ledger_id)
                   as invoices,
               (select count(*) from saft.staging_invoice_lines s where s.ledger_id = q.ledger_id)
                   as lines
    ) held
    where p.ledger_id = any(ids) and p.verdict = 'ready' and p.same_as is null
        and q.ledger_id = p.ledger_id
        and (held.companies, held.customers, held.invoices, held.lines)
            is distinct from (1, p.customers, p.invoices, p.lines);
end $$;

-- Two publishers never write rows of the same company at once; sorted, so that they can't deadlock.
create function saft.publish_lock(ids bigint[]) returns void
language plpgsql security invoker set search_path = ''
as $$
begin
    perform pg_advisory_xact_lock(company.key)
    from (
        select distinct hashtextextended('saft company ' || s.company_id, 0) as key
        from saft.staging_companies s
        where s.ledger_id = any(ids)
        order by 1
    ) company;
end $$;

-- Companies and customers: the later DateCreated, then the bytes first seen later.
create function saft.publish_masters(ids bigint[]) returns void
language plpgsql security invoker
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    with best as (
        select distinct on (s.company_id) s.*, p.date_created, p.bytes_modified_at, p.bytes_id
        from saft.staging_companies s
        join saft.staging_files p using (ledger_id)
        where s.ledger_id = any(ids)
        order by s.company_id, p.date_created desc nulls last,
            p.bytes_modified_at desc, p.bytes_id desc
    )
    insert into public.companies as c (
        company_id, company_name, business_name, address_detail, city, postal_code, country,
        date_created, invoice_file_id)
    select b.company_id, b.company_name, b.business_name, b.address_detail, b.city, b.postal_code,
        b.country, b.date_created, b.ledger_id
    from best b
    left join public.companies old on old.company_id = b.company_id
    left join saft.file_order o on o.id = old.invoice_file_id
    where old.company_id is null
        or saft.is_later(
            b.date_created, b.bytes_modified_at, b.bytes_id,
            old.date_created, o.bytes_modified_at, o.bytes_id,
            (old.company_name, old.business_name, old.address_detail, old.city, old.postal_code,
             old.country)
            is distinct from
            (b.company_name, b.business_name, b.address_detail, b.city, b.postal_code, b.country))
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

    with best as (
        select distinct on (s.company_id collate "C", s.customer_id collate "C")
            s.*, p.date_created, p.bytes_modified_at, p.bytes_id
        from saft.staging_customers s
        join saft.staging_files p using (ledger_id)
        where s.ledger_id = any(ids)
        order by s.company_id collate "C", s.customer_id collate "C",
            p.date_created desc nulls last, p.bytes_modified_at desc, p.bytes_id desc
    )
    insert into public.customers (
        company_id, customer_id, customer_tax_id, account_id, company_name, address_detail, city,
        postal_code, country, date_created, invoice_file_id)
    select b.company_id, b.customer_id, b.customer_tax_id, b.account_id, b.company_name,
        b.address_detail, b.city, b.postal_code, b.country, b.date_created, b.ledger_id
    from best b
    left join public.customers old
        on old.company_id = b.company_id and old.customer_id = b.customer_id
    left join saft.file_order o on o.id = old.invoice_file_id
    where old.company_id is null
        or saft.is_later(
            b.date_created, b.bytes_modified_at, b.bytes_id,
            old.date_created, o.bytes_modified_at, o.bytes_id,
            (old.customer_tax_id, old.account_id, old.company_name, old.address_detail, old.city,
             old.postal_code, old.country)
            is distinct from
            (b.customer_tax_id, b.account_id, b.company_name, b.address_detail, b.city,
             b.postal_code, b.country))
    on conflict (company_id, customer_id) do update set
        customer_tax_id = excluded.customer_tax_id, account_id = excluded.account_id,
        company_name = excluded.company_name, address_detail = excluded.address_detail,
        city = excluded.city, postal_code = excluded.postal_code, country = excluded.country,
        date_created = excluded.date_created, invoice_file_id = excluded.invoice_file_id;
end $$;

-- Which row each staged invoice is, and whether its values go there: the later InvoiceStatusDate,
-- then cancelled over not, then the bytes first seen later. Two documents under one number are told.
create function saft.publish_decide(ids bigint[]) returns void
language plpgsql security invoker
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    with staged as (
        select s.ledger_id, s.seq, s.content_hash, s.company_id, s.invoice_no,
            s.invoice_date::date as invoice_date, s.hash,
            coalesce(s.invoice_status_date::timestamp, '-infinity') as status_date,
            s.invoice_status is not distinct from 'A' as cancelled,
            p.bytes_modified_at, p.bytes_id
        from saft.staging_files p
        join saft.staging_invoices s using (ledger_id)
        where p.ledger_id = any(ids)
    ),
    best as materialized (
        select distinct on (s.company_id collate "C", s.invoice_no collate "C") s.*
        from staged s
        order by s.company_id collate "C", s.invoice_no collate "C", s.status_date desc,
            s.cancelled desc, s.bytes_modified_at desc, s.bytes_id desc, s.ledger_id desc
    ),
    decided as materialized (
        select b.*, old.id is null as is_new, old.invoice_date as old_date, old.hash as old_hash,
            coalesce(old.id, nextval('public.invoices_id_seq')) as invoice_id,
            coalesce(
                old.content_hash <> b.content_hash
                and (b.status_date, b.cancelled, b.bytes_modified_at, b.bytes_id)
                    >= (coalesce(old.invoice_status_date, '-infinity'),
                        old.invoice_status is not distinct from 'A', o.bytes_modified_at, o.bytes_id),
                old.content_hash is distinct from b.content_hash) as wins
        from best b
        left join public.invoices old
            on old.company_id = b.company_id and old.invoice_no = b.invoice_no
        left join lateral (
            select o.bytes_modified_at, o.bytes_id
            from public.invoice_file_links l
            join saft.file_order o on o.id = l.invoice_file_id
            where l.invoice_id = old.id and l.content_hash = old.content_hash
            order by o.bytes_modified_at desc, o.bytes_id desc
            limit 1
        ) o on old.content_hash <> b.content_hash
    )
    insert into saft.staging_links (
        ledger_id, seq, invoice_id, content_hash, best_ledger_id, best_seq, is_new, wins, conflict)
    select s.ledger_id, s.seq, d.invoice_id, s.content_hash, d.ledger_id, d.seq, d.is_new, d.wins,
        coalesce(
            saft.conflict(s.invoice_no, s.invoice_date, s.hash, d.invoice_date, d.hash),
            saft.conflict(s.invoice_no, s.invoice_date, s.hash, d.old_date, d.old_hash))
    from staged s
    join decided d on d.company_id = s.company_id and d.invoice_no = s.invoice_no;
end $$;

-- The warning about two documents that bear one number; null if they may be the same document.
create function saft.conflict(
    invoice_no text, our_date date, our_hash text, their_date date, their_hash text) returns jsonb
language sql immutable set search_path = ''
as $$
    select jsonb_build_object(
        'code', 'conflict', 'line', null,
        'message', format(
            'invoice %s is another document than the one loaded under that number: InvoiceDate %s '
            'and %s, Hash %s and %s', invoice_no, our_date, their_date,
            coalesce(left(our_hash, 12), 'none'), coalesce(left(their_hash, 12), 'none')),
        'invoice_no', invoice_no,
        'this_file', jsonb_build_object('invoice_date', our_date, 'hash', our_hash),
        'other_file', jsonb_build_object('invoice_date', their_date, 'hash', their_hash))
    where our_date <> their_date or our_hash <> their_hash
$$;

-- Invoices and their lines: new ones, and those whose values win over the ones there.
create function saft.publish_invoices(ids bigint[]) returns void
language plpgsql security invoker
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    insert into public.invoices (
        id, company_id, invoice_no, atcud, hash, hash_control, hash_extract, period, invoice_date,
        invoice_type, invoice_status, invoice_status_date, status_reason, source_billing,
        system_entry_date, customer_id, tax_payable, net_total, gross_total, currency_code,
        currency_amount, payment_amount, withholding_tax_amount, line_count, content_hash)
    select l.invoice_id, s.company_id, s.invoice_no, s.atcud, s.hash, s.hash_control,
        s.hash_extract, s.period::integer, s.invoice_date::date, s.invoice_type, s.invoice_status,
        s.invoice_status_date::timestamp, s.status_reason, s.source_billing,
        s.system_entry_date::timestamp, s.customer_id, s.tax_payable::numeric,
        s.net_total::numeric, s.gross_total::numeric, s.currency_code, s.currency_amount::numeric,
        s.payment_amount::numeric, s.withholding_tax_amount::numeric, s.line_count::integer,
        s.content_hash
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where l.ledger_id = any(ids) and l.is_new
        and l.ledger_id = l.best_ledger_id and l.seq = l.best_seq;

    update public.invoices i set
        atcud = s.atcud, hash = s.hash, hash_control = s.hash_control,
        hash_extract = s.hash_extract, period = s.period::integer,
        invoice_date = s.invoice_date::date, invoice_type = s.invoice_type,
        invoice_status = s.invoice_status,
        invoice_status_date = s.invoice_status_date::timestamp, status_reason = s.status_reason,
        source_billing = s.source_billing, system_entry_date = s.system_entry_date::timestamp,
        customer_id = s.customer_id, tax_payable = s.tax_payable::numeric,
        net_total = s.net_total::numeric, gross_total = s.gross_total::numeric,
        currency_code = s.currency_code, currency_amount = s.currency_amount::numeric,
        payment_amount = s.payment_amount::numeric,
        withholding_tax_amount = s.withholding_tax_amount::numeric,
        line_count = s.line_count::integer, content_hash = s.content_hash, updated_at = now()
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where i.id = l.invoice_id and l.ledger_id = any(ids) and l.wins and not l.is_new
        and l.ledger_id = l.best_ledger_id and l.seq = l.best_seq;

    delete from public.invoice_lines
    where invoice_id in (
        select l.invoice_id from saft.staging_links l
        where l.ledger_id = any(ids) and l.wins and not l.is_new);

    insert into public.invoice_lines (
        invoice_id, line_number, product_code, product_description, description, quantity,
        unit_of_measure, unit_price, tax_base, tax_point_date, debit_amount, credit_amount,
        tax_type, tax_country_region, tax_code, tax_percentage, tax_amount, tax_exemption_reason,
        tax_exemption_code, settlement_amount, reference, reason)
    select l.invoice_id, s.line_number::integer, s.product_code, s.product_description,
        s.description, s.quantity::numeric, s.unit_of_measure, s.unit_price::numeric,
        s.tax_base::numeric, s.tax_point_date::date, s.debit_amount::numeric,
        s.credit_amount::numeric, s.tax_type, s.tax_country_region, s.tax_code,
        s.tax_percentage::numeric, s.tax_amount::numeric, s.tax_exemption_reason,
        s.tax_exemption_code, s.settlement_amount::numeric, s.reference, s.reason
    from saft.staging_links l
    join saft.staging_invoice_lines s using (ledger_id, seq)
    where l.ledger_id = any(ids) and l.wins
        and l.ledger_id = l.best_ledger_id and l.seq = l.best_seq;
end $$;

-- Which invoices each version of a file holds: as staged, or as the row with the same bytes has it.
create function saft.publish_links(ids bigint[]) returns void
language plpgsql security invoker
set search_path = '' set plan_cache_mode = force_custom_plan
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

-- The ledger's own rows: with them the files are loaded.
create function saft.publish_ledger(
    ids bigint[], publisher text, run text, program text) returns void
language plpgsql security invoker
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
begin
    update public.invoice_files f set
        status = 'loaded', loaded_at = now(), error = null, next_attempt_at = null,
        claimed_by = null, claimed_from = null, lease_expires_at = null,
        run_id = run, saft_version = program,
        company_id = p.company_id, date_created = p.date_created,
        total_invoices = p.invoices, total_lines = p.lines,
        declared_number_of_entries = p.declared_number_of_entries,
        declared_total_debit = p.declared_total_debit,
        declared_total_credit = p.declared_total_credit,
        computed_number_of_entries = p.computed_number_of_entries,
        computed_total_debit = p.computed_total_debit,
        computed_total_credit = p.computed_total_credit,
        warnings = p.warnings || saft.conflicts_of(p.ledger_id),
        publication = jsonb_build_object('owner', publisher, 'customers', p.customers)
            || saft.written_of(p.ledger_id)
    from saft.staging_files p
    where p.ledger_id = any(ids) and p.same_as is null and f.id = p.ledger_id;

    update public.invoice_files f set
        status = 'loaded', loaded_at = now(), error = null, next_attempt_at = null,
        claimed_by = null, claimed_from = null, lease_expires_at = null,
        run_id = run, saft_version = program,
        company_id = same.company_id, date_created = same.date_created,
        total_invoices = same.total_invoices, total_lines = same.total_lines,
        declared_number_of_entries = same.declared_number_of_entries,
        declared_total_debit = same.declared_total_debit,
        declared_total_credit = same.declared_total_credit,
        computed_number_of_entries = same.computed_number_of_entries,
        computed_total_debit = same.computed_total_debit,
        computed_total_credit = same.computed_total_credit,
        warnings = same.warnings,
        publication = jsonb_build_object(
            'owner', publisher, 'customers', same.publication -> 'customers',
            'written_invoices', 0, 'written_lines', 0)
    from saft.staging_files p
    join public.invoice_files same on same.id = p.same_as
    where p.ledger_id = any(ids) and f.id = p.ledger_id;
end $$;

create function saft.conflicts_of(ledger bigint, most integer default 100) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(l.conflict order by l.seq) filter (where l.place <= most), '[]')
        || case when count(*) > most then jsonb_build_array(jsonb_build_object(
            'code', 'conflict', 'line', null,
            'message', format('and %s more of this kind', count(*) - most))) else '[]' end
    from (
        select c.conflict, c.seq, row_number() over (order by c.seq) as place
        from saft.staging_links c
        where c.ledger_id = ledger and c.conflict is not null
    ) l
$$;

create function saft.written_of(ledger bigint) returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'written_invoices', count(*),
        'written_lines', coalesce(sum(s.line_count::integer), 0))
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where l.ledger_id = ledger and l.wins and l.ledger_id = l.best_ledger_id and l.seq = l.best_seq
$$;

-- What became of each file, in the order of `publications`.
create function saft.publish_outcomes(publications jsonb) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'ledger_id', f.id,
        'status', case when p.verdict in ('ready', 'repeated') then 'loaded'
                       when p.verdict = 'refused' then 'failed' else 'lost' end,
        'error', case when p.verdict = 'lost'
            then 'the lease on this file ended and another run took it; nothing was published here'
            else p.error end,
        'passing', p.verdict = 'refused',
        'rows', jsonb_build_object(
            'companies', 1, 'customers', f.publication -> 'customers',
            'invoices', f.total_invoices, 'invoice_lines', f.total_lines,
            'invoice_file_links', f.total_invoices),
        'written', jsonb_build_object(
            'invoices', f.publication -> 'written_invoices',
            'invoice_lines', f.publication -> 'written_lines'),
        'warnings', f.warnings) order by asked.place), '[]')
    from jsonb_array_elements(publications) with ordinality asked(publication, place)
    join saft.staging_files p on p.ledger_id = (asked.publication ->> 'ledger_id')::bigint
    join public.invoice_files f on f.id = p.ledger_id
$$;

-- Publish what is staged of a group of files, all of it together with its ledger rows, or nothing.
-- `staged` brings the rows of a small group along: a text of rows by table.
create function public.saft_publish(
    owner text, publications jsonb, run_id text, saft_version text, staged jsonb default null)
returns jsonb
language plpgsql security invoker
set search_path = '' set statement_timeout = '60s' set lock_timeout = '30s'
as $$
#variable_conflict use_variable
declare
    ids bigint[] := array(
        select (p ->> 'ledger_id')::bigint from jsonb_array_elements(publications) p order by 1);
    ready bigint[];
    fresh bigint[];
    outcomes jsonb;
begin
    delete from saft.staging_files where ledger_id = any(ids);
    delete from saft.staging_links where ledger_id = any(ids);
    if staged is not null then
        perform saft.clear_staging(ids);
        perform saft.stage(part.key, part.value) from jsonb_each_text(staged) part;
    end if;
    insert into saft.staging_files (
        ledger_id, company_id, date_created, invoices, lines, customers,
        declared_number_of_entries, declared_total_debit, declared_total_credit,
        computed_number_of_entries, computed_total_debit, computed_total_credit, warnings, same_as)
    select p.ledger_id, p.company_id, p.date_created, p.invoices, p.lines, p.customers,
        p.declared_number_of_entries, p.declared_total_debit, p.declared_total_credit,
        p.computed_number_of_entries, p.computed_total_debit, p.computed_total_credit, p.warnings,
        p.same_as
    from jsonb_populate_recordset(null::saft.staging_files, publications) p;
    perform saft.publish_judge(owner, ids);
    ready := array(
        select ledger_id from saft.staging_files
        where ledger_id = any(ids) and verdict = 'ready' order by 1);
    fresh := array(
        select ledger_id from saft.staging_files
        where ledger_id = any(ready) and same_as is null order by 1);
    if fresh <> '{}' then
        perform saft.publish_lock(fresh);
        perform saft.publish_masters(fresh);
        perform saft.publish_decide(fresh);
        perform saft.publish_invoices(fresh);
    end if;
    perform saft.publish_links(ready);
    perform saft.publish_ledger(ready, owner, run_id, saft_version);
    outcomes := saft.publish_outcomes(publications);
    perform saft.clear_staging(ids);
    return outcomes;
end $$;

insert into saft.migrations (version, name) values ('20261124090200', 'publish');
