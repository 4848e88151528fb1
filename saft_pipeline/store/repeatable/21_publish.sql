-- Publishing a group of staged files: one call, one transaction, the contract's six rules.

-- Note the group's files, and whether the ledger lets `owner` publish each: `ready`, `repeated`
-- (an answer was lost), `lost` to another owner, or `refused`, since staging doesn't hold what is
-- expected. With `same_as` what there is to say of a file is what that row says. Lines that are not
-- staged are to be as many as their invoices say; where `has_lines` is null neither are invoices.
create or replace function saft.validate_staging(owner text, publications jsonb, has_lines boolean)
returns void
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
begin
    insert into saft.staging_files
    select p.ledger_id, coalesce(same.company_id, p.company_id),
        coalesce(same.date_created, p.date_created), coalesce(same.total_invoices, p.invoices),
        coalesce(same.total_lines, p.lines),
        coalesce((same.publication ->> 'customers')::integer, p.customers),
        coalesce(same.declared_number_of_entries, p.declared_number_of_entries),
        coalesce(same.declared_total_debit, p.declared_total_debit),
        coalesce(same.declared_total_credit, p.declared_total_credit),
        coalesce(same.computed_number_of_entries, p.computed_number_of_entries),
        coalesce(same.computed_total_debit, p.computed_total_debit),
        coalesce(same.computed_total_credit, p.computed_total_credit),
        coalesce(same.warnings, p.warnings), p.same_as, o.bytes_modified_at, o.bytes_id,
        case
            when f.claimed_by = owner and (p.same_as is null or same.id is not null) then 'ready'
            when f.claimed_by = owner then 'refused'
            when f.publication ->> 'owner' = owner then 'repeated'
            else 'lost'
        end,
        case when p.same_as is not null and same.id is null then format(
            'the same bytes were loaded as ledger row %s, which is no longer loaded; '
            'take the file again: saft retry', p.same_as) end,
        coalesce(same.start_date, p.start_date), coalesce(same.end_date, p.end_date),
        coalesce(same.tax_entity, p.tax_entity),
        coalesce(same.tax_accounting_basis, p.tax_accounting_basis),
        coalesce(same.software_certificate_number, p.software_certificate_number),
        coalesce(same.product_id, p.product_id)
    from jsonb_populate_recordset(null::saft.staging_files, publications) p
    left join public.invoice_files f on f.id = p.ledger_id
    left join saft.file_order o on o.id = p.ledger_id
    left join lateral (
        select x.* from public.invoice_files x where x.id = p.same_as limit 1
    ) same on same.loaded_at is not null and same.sha256 = f.sha256;

    update saft.staging_files p
    set state = 'refused', error = format(
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
               case when has_lines is null then q.invoices
                    else (select count(*) from saft.staging_invoices s
                          where s.ledger_id = q.ledger_id) end as invoices,
               case when has_lines is null then q.lines
                    when has_lines
                    then (select count(*) from saft.staging_invoice_lines s
                          where s.ledger_id = q.ledger_id)
                    else (select coalesce(sum(s.line_count), 0) from saft.staging_invoices s
                          where s.ledger_id = q.ledger_id) end as lines
    ) held
    where q.ledger_id in (select (e ->> 'ledger_id')::bigint from jsonb_array_elements(publications) e)
        and q.state = 'ready' and q.same_as is null and p.ledger_id = q.ledger_id
        and (held.companies, held.customers, held.invoices, held.lines)
            is distinct from (1, q.customers, q.invoices, q.lines);
end $$;

-- Two publishers never write rows of the same company at once; sorted, so that they can't deadlock.
create or replace function saft.lock_companies(ids bigint[]) returns void
language plpgsql set search_path = '' set lock_timeout = '30s'
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

-- The ledger's own rows: with them the files are loaded. Of conflicts the first hundred are spelt out.
-- Where all is new nothing was decided.
create or replace function saft.update_ledger(
    ids bigint[], owner text, run text, program text, all_new boolean)
returns void
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
begin
    update public.invoice_files f set
        status = 'loaded', loaded_at = now(), error = null, next_attempt_at = null,
        claimed_by = null, previous_status = null, lease_expires_at = null,
        run_id = run, saft_version = program,
        company_id = p.company_id, date_created = p.date_created,
        start_date = p.start_date, end_date = p.end_date, tax_entity = p.tax_entity,
        tax_accounting_basis = p.tax_accounting_basis,
        software_certificate_number = p.software_certificate_number, product_id = p.product_id,
        total_invoices = p.invoices, total_lines = p.lines,
        declared_number_of_entries = p.declared_number_of_entries,
        declared_total_debit = p.declared_total_debit,
        declared_total_credit = p.declared_total_credit,
        computed_number_of_entries = p.computed_number_of_entries,
        computed_total_debit = p.computed_total_debit,
        computed_total_credit = p.computed_total_credit,
        warnings = p.warnings || decided.conflicts,
        publication = jsonb_build_object(
            'owner', owner, 'customers', p.customers,
            'written_invoices', case when all_new then p.invoices else decided.invoices end,
            'written_lines', case when all_new then p.lines else decided.lines end)
    from saft.staging_files p
    cross join lateral (
        select count(*) filter (where l.wins) as invoices,
            coalesce(sum(l.line_count) filter (where l.wins), 0) as lines,
            coalesce(jsonb_agg(l.conflict order by l.seq)
                filter (where l.conflict is not null and l.told <= 100), '[]')
            || case when count(l.conflict) > 100 then jsonb_build_array(jsonb_build_object(
                'code', 'conflict', 'line', null,
                'message', format('and %s more of this kind', count(l.conflict) - 100)))
               else '[]' end as conflicts
        from (
            select d.*, count(d.conflict) over (order by d.seq) as told
            from saft.staging_links d
            where d.ledger_id = p.ledger_id
        ) l
    ) decided
    where p.ledger_id = any(ids) and f.id = p.ledger_id;
end $$;

-- What became of each file, in the order of `publications`.
create or replace function saft.publish_outcomes(publications jsonb) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'ledger_id', p.ledger_id,
        'status', case when p.state in ('ready', 'repeated') then 'loaded'
                       when p.state = 'refused' then 'failed' else 'lost' end,
        'error', case when p.state = 'lost'
            then 'the lease on this file ended and another run took it; nothing was published here'
            else p.error end,
        'transient', p.state = 'refused',
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
    left join public.invoice_files f on f.id = p.ledger_id
$$;

-- Stage a batch of a large group over REST; false if a file of the group is no longer the owner's.
-- `attempt` names one try to publish the group, in which batches are numbered from 0: the first
-- clears what earlier tries left, one that is sent again is passed over. While it is at work nobody
-- else can claim the files.
create or replace function public.saft_stage(
    owner text, ids bigint[], attempt uuid, number integer, table_name text, batch text)
returns boolean
language plpgsql set search_path = '' set statement_timeout = '60s'
as $$
#variable_conflict use_variable
declare
    held integer;
begin
    perform from public.invoice_files f
    where f.id = any(ids) and f.claimed_by = owner
    order by f.id
    for key share;
    get diagnostics held = row_count;
    if held < cardinality(ids) then
        return false;
    end if;
    insert into saft.staging_batches (attempt, number, ids) values (attempt, number, ids)
    on conflict do nothing;
    if found then
        if number = 0 then
            perform saft.clear_abandoned();
            perform saft.clear_staging(ids);
            insert into saft.staging_batches (attempt, number, ids) values (attempt, number, ids);
        end if;
        perform saft.stage(table_name, batch, ids);
    end if;
    return true;
end $$;

-- What was staged over REST by processes that died.
create or replace function saft.clear_abandoned() returns void
language plpgsql set search_path = ''
as $$
declare
    abandoned bigint[] := array(
        select distinct unnest(b.ids)
        from saft.staging_batches b
        where not exists (
            select from public.invoice_files f
            where f.id = any(b.ids) and f.claimed_by is not null));
begin
    perform saft.clear_staging(abandoned);
end $$;

-- Publishing is the three functions below, in one transaction: see saft_publish. No statistics are
-- right for staging, nor for tables that were never analyzed or have just grown. So every join goes
-- by an index, row by row: the time is that of the rows, whatever is known. Where more than one
-- index has a column of the condition, the plan is made anew each time: one that was made when the
-- table was empty might have taken any of them. Nowhere else, since foreign keys would be planned
-- anew for each row, too. Where two conditions could lead to rows, `limit 1` keeps the key apart
-- from the rest, so that only its index is to be had.

-- The files of the group that are the owner's; nobody else can claim them until the end.
create or replace function saft.lock_files(owner text, publications jsonb) returns bigint[]
language plpgsql set search_path = '' set lock_timeout = '30s'
as $$
#variable_conflict use_variable
declare
    held bigint[];
begin
    with locked as (
        select f.id, f.claimed_by from public.invoice_files f
        where f.id = any(array(
            select (p ->> 'ledger_id')::bigint from jsonb_array_elements(publications) p))
        order by f.id
        for update
    )
    select array_agg(l.id) into held from locked l where l.claimed_by = owner;
    return coalesce(held, '{}');
end $$;

-- Companies and customers of the files of the group that may be published and bring rows, which are
-- given.
create or replace function saft.publish_masters(owner text, publications jsonb, has_lines boolean)
returns bigint[]
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
declare
    fresh bigint[];
begin
    perform saft.validate_staging(owner, publications, has_lines);
    fresh := array(
        select p.ledger_id from saft.staging_files p
        where p.ledger_id in (
                select (e ->> 'ledger_id')::bigint from jsonb_array_elements(publications) e)
            and p.state = 'ready' and p.same_as is null);
    if fresh <> '{}' then
        perform saft.lock_companies(fresh);
        perform saft.upsert_companies(fresh);
        perform saft.upsert_customers(fresh);
    end if;
    return fresh;
end $$;

-- An invoices.id for each invoice of the one file, whose companies and customers are published; null
-- if it can't be, or if any of these first ones of it is known. Then nothing of this is to stay.
create or replace function saft.new_invoice_ids(owner text, publications jsonb, first_nos text[])
returns bigint[]
language plpgsql
set search_path = '' set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_variable
declare
    fresh bigint[] := saft.publish_masters(owner, publications, null);
begin
    if fresh = '{}' or exists (
        select from saft.staging_files p
        cross join unnest(first_nos) first(invoice_no)
        cross join lateral (
            select from public.invoices x
            where x.company_id = p.company_id and x.invoice_no = first.invoice_no
            limit 1
        ) old
        where p.ledger_id = fresh[1])
    then
        return null;
    end if;
    return array(
        select nextval('public.invoices_id_seq')
        from saft.staging_files p
        cross join generate_series(1, p.invoices)
        where p.ledger_id = fresh[1]);
end $$;

-- All but lines, links and ledger. Gives for each file whose lines are wanted the invoices.id of
-- each of its invoices in turn, null where its lines are not wanted.
create or replace function saft.publish_invoices(owner text, publications jsonb, has_lines boolean)
returns table (ledger_id bigint, invoice_ids bigint[])
language plpgsql
set search_path = '' set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    fresh bigint[] := saft.publish_masters(owner, publications, has_lines);
begin
    if fresh = '{}' then
        return;
    end if;
    perform saft.match_invoices(fresh);
    perform saft.insert_invoices(fresh);
    if exists (
        select from saft.staging_links l
        where l.ledger_id = any(fresh) and l.wins and not l.is_new)
    then
        perform saft.update_invoices(fresh);
    end if;
    if has_lines then
        perform saft.insert_lines(fresh);
        return;
    end if;
    return query
        select l.ledger_id, array_agg(case when l.wins then l.invoice_id end order by l.seq)
        from saft.staging_links l
        where l.ledger_id = any(fresh)
        group by l.ledger_id
        having bool_or(l.wins);
end $$;

-- Links and ledger, and what became of each file. `copied` is how many lines were copied in,
-- `copied_invoices` how many invoices with their links: those of a file of which all are new.
create or replace function saft.publish_links(
    owner text, publications jsonb, run_id text, saft_version text, copied bigint default null,
    copied_invoices bigint default null)
returns jsonb
language plpgsql
set search_path = '' set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_variable
declare
    ids bigint[] := array(
        select (p ->> 'ledger_id')::bigint from jsonb_array_elements(publications) p order by 1);
    ready bigint[] := array(
        select p.ledger_id from saft.staging_files p
        where p.ledger_id = any(ids) and p.state = 'ready');
    expected bigint;
    outcomes jsonb;
begin
    if copied_invoices is null then
        select coalesce(sum(l.line_count), 0) into expected
        from saft.staging_links l
        where l.ledger_id = any(ready) and l.wins;
    else
        select sum(p.invoices) into expected
        from saft.staging_files p where p.ledger_id = any(ready);
        if copied_invoices <> expected then
            raise exception '% invoices were copied, but % are expected', copied_invoices, expected;
        end if;
        select sum(p.lines) into expected
        from saft.staging_files p where p.ledger_id = any(ready);
    end if;
    if copied <> expected then
        raise exception '% lines were copied, but % are expected', copied, expected;
    end if;
    if ready <> '{}' then
        perform saft.insert_links(ready);
        perform saft.update_ledger(
            ready, owner, run_id, saft_version, copied_invoices is not null);
    end if;
    outcomes := saft.publish_outcomes(publications);
    perform saft.clear_staging(array(
        select p.ledger_id from saft.staging_files p
        where p.ledger_id = any(ids) and p.state in ('ready', 'refused')));
    delete from saft.staging_files where ledger_id = any(ids);
    return outcomes;
end $$;

-- Publish what is staged of a group of files, all of it together with its ledger rows, or nothing.
-- `staged` brings the rows of a small group along: a text of rows by table.
create or replace function public.saft_publish(
    owner text, publications jsonb, run_id text, saft_version text, staged jsonb default null)
returns jsonb
language plpgsql set search_path = '' set statement_timeout = '60s' set jit = off
as $$
declare
    held bigint[] := saft.lock_files(owner, publications);
begin
    if staged is not null then
        perform saft.clear_staging(held);
        perform saft.stage(part.key, part.value, held) from jsonb_each_text(staged) part;
    end if;
    perform saft.publish_invoices(owner, publications, true);
    return saft.publish_links(owner, publications, run_id, saft_version);
end $$;
