-- Files as the status page lists them. Each is a view's row: a function costs ten times as much.
create or replace view saft.listed with (security_invoker = true) as
select file.*, jsonb_build_object(
    'id', file.id, 'source', file.source, 'path', file.path, 'version', file.version,
    'key', left(md5(file.source || ' ' || file.path), 12), 'status', file.status,
    'attempts', file.attempts, 'next_attempt_at', file.next_attempt_at, 'error', file.error,
    'warnings', jsonb_array_length(file.warnings), 'run_id', file.run_id,
    'company_id', file.company_id, 'company_name', (
        select c.company_name from public.companies c where c.company_id = file.company_id),
    'total_invoices', file.total_invoices, 'total_lines', file.total_lines,
    'first_seen_at', file.first_seen_at, 'loaded_at', file.loaded_at,
    'seconds', extract(epoch from file.loaded_at - file.first_seen_at)) as shown
from public.invoice_files file;

-- All that the status page shows of the ledger: files by source and state, how many hold nothing,
-- since when some want looking at, how long the oldest waits, what was loaded in each hour of the
-- last week, those that want looking at (failed ones first), and the newest of all: `most` of each.
create or replace function public.saft_overview(most integer default 30) returns jsonb
language sql stable set search_path = '' set statement_timeout = '30s' set jit = off
as $$
    with attention as (
        select f.id, f.place from unnest('{failed,unreadable,gone,incomplete}'::text[])
            with ordinality wanted(status, place)
        cross join lateral (
            select u.id, wanted.place from saft.unloaded(wanted.status, "limit" => most) u(id)
            order by u.id desc limit most
        ) f
    )
    select jsonb_build_object(
        'sources', (
            select coalesce(jsonb_object_agg(s.source, s.counts), '{}')
            from (
                select c.source, jsonb_object_agg(c.name, c.files) as counts
                from (
                    select k.source, k.name, sum(k.value) as files from saft.ledger_counts k
                    where k.name !~ '_' group by 1, 2 having sum(k.value) <> 0
                ) c group by c.source
            ) s),
        'empty', (
            select count(*) from public.invoice_files f
            where f.is_current and f.status = 'loaded' and f.total_invoices = 0),
        'failed_since', (
            select min(saft.oldest(s)) from unnest('{failed,unreadable,gone}'::text[]) s),
        'oldest_pending', saft.oldest('pending'),
        'hours', (
            select coalesce(jsonb_agg(to_jsonb(h) order by h.hour), '[]')
            from (
                select k.hour, sum(k.files) as files, sum(k.invoices + k.lines) as rows
                from saft.loaded_hours k
                where k.hour > now() - interval '7 days' group by k.hour
            ) h),
        'attention', (
            select coalesce(jsonb_agg(f.shown order by a.place, f.id desc), '[]')
            from attention a join saft.listed f on f.id = a.id),
        'latest', (
            select coalesce(jsonb_agg(f.shown order by f.id desc), '[]')
            from (
                select f.id, f.shown from saft.listed f where f.is_current
                order by f.id desc limit most
            ) f))
$$;

-- How many files that were seen first since then are not loaded and don't wait to be.
create or replace function public.saft_count_failed(since timestamptz) returns bigint
language sql stable set search_path = ''
as $$
    select count(*) from public.invoice_files f
    where f.is_current and f.status in ('failed', 'unreadable', 'gone') and f.first_seen_at > since
$$;

-- Files that are loaded and hold no invoice, newest first, with ids below `before`.
create or replace function public.saft_empty(
    before bigint default null, "limit" integer default 100)
returns jsonb
language plpgsql stable
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
begin
    return coalesce((
        select jsonb_agg(f.shown order by f.id desc)
        from (
            select f.id, f.shown from saft.listed f
            where f.is_current and f.status = 'loaded' and f.total_invoices = 0
                and (before is null or f.id < before)
            order by f.id desc
            limit "limit"
        ) f), '[]');
end $$;
