-- Add to counters: `counts` is an object from name to number. Sorted, so that two can't deadlock.
create or replace function public.saft_count(counts jsonb) returns void
language sql set search_path = ''
as $$
    insert into saft.counters as c (name, value)
    select one.key, one.value::bigint from jsonb_each_text(counts) one order by one.key
    on conflict (name) do update set value = c.value + excluded.value
$$;

-- Ledger rows, newest first, with ids below `before`; older versions too if a path is named.
create or replace function public.saft_page(
    state text default null, path text default null, before bigint default null,
    "limit" integer default 100)
returns jsonb
language plpgsql stable
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
begin
    return coalesce((
        select jsonb_agg(saft.ledger_row(f) order by f.id desc)
        from (
            select f.* from public.invoice_files f
            where (f.is_current or path is not null)
                and (state is null or f.status = state)
                and (path is null or f.path = path)
                and (before is null or f.id < before)
            order by f.id desc
            limit "limit"
        ) f), '[]');
end $$;

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

-- The figures: files by state, ages in seconds, what was loaded so far, and the counters. Files that
-- were published together have one `loaded_at`, so that distinct times are calls. `waits` are the
-- files by how long they waited from first seen to loaded: in which gap between `bounds` (seconds).
create or replace function public.saft_figures(bounds double precision[]) returns jsonb
language sql stable set search_path = '' set statement_timeout = '30s'
as $$
    select jsonb_build_object(
        'files', public.saft_counts(),
        'oldest_seconds', (
            select coalesce(jsonb_object_agg(o.status, o.seconds), '{}')
            from (
                select f.status, extract(epoch from now() - min(f.first_seen_at)) as seconds
                from public.invoice_files f
                where f.is_current and f.status in ('pending', 'incomplete')
                group by f.status
            ) o),
        'loaded', (
            select jsonb_build_object(
                'files', count(*), 'bytes', coalesce(sum(f.size), 0),
                'customers', coalesce(sum((f.publication ->> 'customers')::bigint), 0),
                'invoices', coalesce(sum(f.total_invoices), 0),
                'invoice_lines', coalesce(sum(f.total_lines), 0),
                'calls', count(distinct f.loaded_at),
                'wait_seconds', coalesce(sum(extract(epoch from f.loaded_at - f.first_seen_at)), 0))
            from public.invoice_files f
            where f.loaded_at is not null),
        'waits', (
            select coalesce(jsonb_object_agg(w.gap, w.files), '{}')
            from (
                select width_bucket(
                    extract(epoch from f.loaded_at - f.first_seen_at)::double precision, bounds)
                    as gap, count(*) as files
                from public.invoice_files f
                where f.loaded_at is not null
                group by 1
            ) w),
        'counters', (select coalesce(jsonb_object_agg(c.name, c.value), '{}') from saft.counters c))
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
