-- Add to counters: `counts` is an object from name to number. Sorted, so that two can't deadlock.
create or replace function public.saft_count(counts jsonb) returns void
language sql set search_path = ''
as $$
    insert into saft.counters as c (name, value)
    select one.key, one.value::bigint from jsonb_each_text(counts) one order by one.key
    on conflict (name) do update set value = c.value + excluded.value
$$;

-- What became of the files that runs were the last to try, oldest first.
create or replace function public.saft_run_files(run_ids text[]) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'run_id', f.run_id, 'path', f.path, 'status', f.status, 'error', f.error,
        'total_invoices', f.total_invoices) order by f.id), '[]')
    from public.invoice_files f
    where f.run_id = any(run_ids) and f.status not in ('running', 'pending')
$$;

-- Since when a file is in the ledger that is in a state (of those that are not loaded): ids rise with
-- time, so that one look at the index is enough for each source.
create or replace function saft.oldest(state text) returns timestamptz
language sql stable set search_path = ''
as $$
    select min(f.first_seen_at)
    from unnest(saft.sources()) as of(source)
    cross join lateral (
        select i.first_seen_at from public.invoice_files i
        where i.is_current and i.source = of.source and i.status = state
            and i.status in ('pending', 'failed', 'unreadable', 'gone', 'incomplete')
        order by i.id limit 1
    ) f
$$;

-- The figures: files by state, ages in seconds, what was loaded so far, and the counters. `calls`
-- are those that published files. `waits` are files by how long they waited from first seen to
-- loaded: in which gap between `wait_bounds` (seconds).
create or replace function public.saft_figures() returns jsonb
language sql stable set search_path = '' set statement_timeout = '30s'
as $$
    select jsonb_build_object(
        'files', (
            select coalesce(jsonb_object_agg(s.source, s.files), '{}')
            from (
                select c.source, jsonb_object_agg(c.name, c.files) as files
                from (
                    select l.source, l.name, sum(l.value) as files from saft.ledger_counts l
                    where l.name !~ '_' group by l.source, l.name
                ) c
                group by c.source
            ) s),
        'oldest_seconds', (
            select coalesce(jsonb_object_agg(o.state, extract(epoch from now() - o.since)), '{}')
            from (
                select s as state, saft.oldest(s) as since
                from unnest('{pending,incomplete}'::text[]) s
            ) o
            where o.since is not null),
        'loaded', '{"files": 0, "bytes": 0, "customers": 0, "invoices": 0, "invoice_lines": 0,
                    "calls": 0, "wait_seconds": 0}'::jsonb || totals.loaded,
        'waits', totals.waits,
        'wait_bounds', saft.wait_bounds(),
        'counters', (select coalesce(jsonb_object_agg(c.name, c.value), '{}') from saft.counters c))
    from (
        select coalesce(jsonb_object_agg(substr(c.name, 7), c.value)
                   filter (where c.name like 'total\_%'), '{}') as loaded,
            coalesce(jsonb_object_agg(substr(c.name, 7), c.value)
                   filter (where c.name like 'waits\_%'), '{}') as waits
        from (
            select c.name, sum(c.value) as value from saft.ledger_counts c
            where c.name ~ '_' group by c.name
        ) c
    ) totals
$$;

-- `missing`: what this login lacks, as `privilege on table`. `open`: what the roles that anyone may
-- take on Supabase were granted without a policy that has a condition. `policies`: how many such
-- policies there are. `members`: how many users company_readers has, if that was set up.
create or replace function public.saft_rights() returns jsonb
language plpgsql stable set search_path = ''
as $$
declare
    members bigint;
begin
    if to_regclass('public.company_readers') is not null then
        execute 'select count(distinct user_id) from public.company_readers' into members;
    end if;
    return (
        with wanted as (
            select t.name, p.name as privilege, p.command
            from unnest('{companies,customers,invoices,invoice_lines,invoice_files,invoice_file_links}'
                ::text[]) t(name)
            cross join (values ('select', 'r'), ('insert', 'a'), ('update', 'w'), ('delete', 'd'))
                p(name, command)
        ), held as (
            select distinct w.*, r.rolname, c.relrowsecurity, c.oid
            from wanted w
            join pg_catalog.pg_class c on c.oid = ('public.' || w.name)::regclass
            join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
            where has_table_privilege(r.rolname, c.oid, w.privilege)
        ), let as (
            select h.*, (
                select array_agg(coalesce(pg_get_expr(p.polqual, p.polrelid),
                    pg_get_expr(p.polwithcheck, p.polrelid), 'true'))
                from pg_catalog.pg_policy p
                where p.polrelid = h.oid and p.polpermissive and p.polcmd in ('*', h.command)
                    and (p.polroles @> array[h.rolname::regrole::oid] or p.polroles = array[0::oid])
                ) as conditions
            from held h
        ), judged as (
            select l.*, l.relrowsecurity and l.conditions is not null
                and not l.conditions && '{true,(true)}' as is_meant
            from let l
        )
        select jsonb_build_object(
            'missing', (
                select coalesce(jsonb_agg(w.privilege || ' on ' || w.name), '[]') from wanted w
                where not has_table_privilege('public.' || w.name, w.privilege)),
            'open', (
                select coalesce(jsonb_agg(distinct j.privilege || ' on ' || j.name), '[]')
                from judged j where not j.is_meant),
            'policies', (select count(*) from judged j where j.is_meant),
            'members', members));
end $$;
