-- What happens beside every write to invoices and to the ledger, whoever writes.

-- Lines and links have no foreign keys: they go with the invoices and files that they belong to.
create or replace function saft.delete_of_invoices() returns trigger
language plpgsql set search_path = ''
as $$
begin
    delete from public.invoice_lines where invoice_id in (select id from gone);
    delete from public.invoice_file_links where invoice_id in (select id from gone);
    return null;
end $$;

create or replace function saft.delete_of_files() returns trigger
language plpgsql set search_path = ''
as $$
begin
    delete from public.invoice_file_links where invoice_file_id in (select id from gone);
    insert into saft.ledger_counts (source, name, value)
    select g.source, g.status, -count(*) from gone g where g.is_current group by 1, 2;
    insert into saft.ledger_days (source, day, branch, status, files, invoices, lines, size, warned,
        newest)
    select g.source, (g.first_seen_at at time zone 'UTC')::date, g.branch, g.status, -count(*),
        -coalesce(sum(g.total_invoices), 0), -coalesce(sum(g.total_lines), 0), -sum(g.size),
        -count(*) filter (where g.warnings <> '[]'), 0
    from gone g where g.is_current group by 1, 2, 3, 4;
    return null;
end $$;

-- The bounds (seconds) between which files are told apart by how long they waited to be loaded.
create or replace function saft.wait_bounds() returns double precision[]
language sql immutable set search_path = ''
as $$
    select '{1,5,15,60,300,900,3600,14400,86400}'::double precision[]
$$;

-- Add to what was loaded so far, by source.
create or replace function saft.count_loaded(files public.invoice_files[]) returns void
language sql set search_path = ''
as $$
    insert into saft.ledger_counts (source, name, value)
    select s.source, t.name, t.value
    from (
        select f.source, count(*) as files, sum(f.size) as bytes,
            sum((f.publication ->> 'customers')::bigint) as customers,
            sum(f.total_invoices) as invoices, sum(f.total_lines) as lines,
            sum(extract(epoch from f.loaded_at - f.first_seen_at)) as seconds
        from unnest(files) f
        group by f.source
    ) s
    cross join lateral (values
        ('total_files', s.files), ('total_bytes', s.bytes), ('total_customers', s.customers),
        ('total_invoices', s.invoices), ('total_invoice_lines', s.lines),
        ('total_wait_seconds', s.seconds), ('total_calls', 1)
    ) t(name, value)
    where t.value is not null
    union all
    select f.source, 'waits_' || width_bucket(
        extract(epoch from f.loaded_at - f.first_seen_at)::double precision, saft.wait_bounds()),
        count(*)
    from unnest(files) f
    group by 1, 2;

    insert into saft.loaded_hours (source, hour, files, invoices, lines)
    select f.source, date_trunc('hour', f.loaded_at), count(*),
        coalesce(sum(f.total_invoices), 0), coalesce(sum(f.total_lines), 0)
    from unnest(files) f
    group by 1, 2
$$;

create or replace function saft.count_new_files() returns trigger
language plpgsql set search_path = ''
as $$
declare
    loaded public.invoice_files[] := array(select n from new_files n where n.loaded_at is not null);
begin
    insert into saft.ledger_counts (source, name, value, newest)
    select n.source, n.status, count(*), max(n.first_seen_at)
    from new_files n where n.is_current group by 1, 2;
    insert into saft.ledger_days (source, day, branch, status, files, invoices, lines, size, warned,
        newest)
    select n.source, (n.first_seen_at at time zone 'UTC')::date, n.branch, n.status, count(*),
        coalesce(sum(n.total_invoices), 0), coalesce(sum(n.total_lines), 0), sum(n.size),
        count(*) filter (where n.warnings <> '[]'), max(n.id)
    from new_files n where n.is_current group by 1, 2, 3, 4;
    if loaded <> '{}' then
        perform saft.count_loaded(loaded);
    end if;
    return null;
end $$;

create or replace function saft.count_changed_files() returns trigger
language plpgsql set search_path = ''
as $$
declare
    loaded public.invoice_files[] := array(
        select n from new_files n
        where n.status = 'loaded' and n.id in (select o.id from old_files o where o.loaded_at is null));
begin
    with changes as materialized (
        select c.source, (c.first_seen_at at time zone 'UTC')::date as day, c.branch, c.status,
            sum(c.sign) as files, coalesce(sum(c.sign * c.total_invoices), 0) as invoices,
            coalesce(sum(c.sign * c.total_lines), 0) as lines, sum(c.sign * c.size) as size,
            coalesce(sum(c.sign) filter (where c.warnings <> '[]'), 0) as warned,
            max(c.id) as newest
        from (
            select 1 as sign, n.* from new_files n where n.is_current
            union all
            select -1, o.* from old_files o where o.is_current
        ) c
        group by 1, 2, 3, 4
        having (sum(c.sign), coalesce(sum(c.sign * c.total_invoices), 0),
                coalesce(sum(c.sign * c.total_lines), 0), sum(c.sign * c.size),
                coalesce(sum(c.sign) filter (where c.warnings <> '[]'), 0))
            is distinct from (0, 0, 0, 0, 0)
    ), by_state as (
        insert into saft.ledger_counts (source, name, value)
        select c.source, c.status, sum(c.files) from changes c group by 1, 2
        having sum(c.files) <> 0
    )
    insert into saft.ledger_days (source, day, branch, status, files, invoices, lines, size, warned,
        newest)
    select * from changes;
    if loaded <> '{}' then
        perform saft.count_loaded(loaded);
    end if;
    return null;
end $$;

create or replace function saft.count_no_files() returns trigger
language plpgsql set search_path = ''
as $$
begin
    delete from saft.ledger_counts;
    delete from saft.ledger_days;
    delete from saft.loaded_hours;
    return null;
end $$;

create or replace trigger count_new after insert on public.invoice_files
    referencing new table as new_files
    for each statement execute function saft.count_new_files();
create or replace trigger count_changed after update on public.invoice_files
    referencing old table as old_files new table as new_files
    for each statement execute function saft.count_changed_files();
create or replace trigger count_none after truncate on public.invoice_files
    for each statement execute function saft.count_no_files();

-- Add the changes up, so that they stay few. What somebody else adds up at the moment is left alone.
create or replace function saft.add_up_counts() returns void
language plpgsql set search_path = ''
as $$
begin
    if (select count(*) from saft.loaded_hours) > 5000 then
        with taken as (
            delete from saft.loaded_hours
            where ctid = any(array(select h.ctid from saft.loaded_hours h for update skip locked))
            returning *
        )
        insert into saft.loaded_hours (source, hour, files, invoices, lines)
        select t.source, t.hour, sum(t.files), sum(t.invoices), sum(t.lines) from taken t
        where t.hour > now() - interval '8 days'
        group by 1, 2;
    end if;
    -- By one at a time, whose sums are then of a moment: a state that no file is in has no sums.
    if (select count(*) from saft.ledger_days d where d.is_change) > 500
        and pg_try_advisory_xact_lock(hashtextextended('saft ledger days', 0))
    then
        with taken as (
            delete from saft.ledger_days d
            where d.day in (select c.day from saft.ledger_days c where c.is_change)
            returning d.*
        )
        insert into saft.ledger_days (source, day, branch, status, files, invoices, lines, size,
            warned, newest, is_change)
        select t.source, t.day, t.branch, t.status, sum(t.files), sum(t.invoices), sum(t.lines),
            sum(t.size), sum(t.warned), max(t.newest), false
        from taken t
        group by 1, 2, 3, 4
        having sum(t.files) <> 0;
    end if;
    if (select count(*) from saft.ledger_counts) < 500 then
        return;
    end if;
    with taken as (
        delete from saft.ledger_counts
        where ctid = any(array(select c.ctid from saft.ledger_counts c for update skip locked))
        returning *
    )
    insert into saft.ledger_counts (source, name, value, newest)
    select t.source, t.name, sum(t.value), max(t.newest) from taken t group by 1, 2;
end $$;
