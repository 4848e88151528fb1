-- What a look at the folder asks of the ledger beside taking files.

-- How old the oldest file is that waits (by when it was first seen), and which files are still
-- without their end after `incomplete_seconds`: their number and the paths of the first five. Of one
-- source, or of all if it is null.
create or replace function public.saft_backlog(source text, incomplete_seconds double precision)
returns jsonb
language sql stable set search_path = ''
as $$
    select jsonb_build_object(
        'oldest_pending_seconds', extract(epoch from now()
            - min(f.first_seen_at) filter (where f.status = 'pending'))::bigint,
        'stale_incomplete', count(*) filter (where f.stale),
        'stale_paths', coalesce(
            (array_agg(f.path order by f.first_seen_at) filter (where f.stale))[1:5], '{}'))
    from (
        select o.path, o.status, o.first_seen_at,
            o.status = 'incomplete'
                and o.modified_at < now() - make_interval(secs => incomplete_seconds) as stale
        from public.invoice_files o
        where o.is_current and o.status <> 'loaded'
            and (saft_backlog.source is null or o.source = saft_backlog.source)
    ) f
$$;

-- Loaded files that still lie on the server, oldest first: whoever loaded them died before they were
-- archived or deleted, or could not do it. Those of the last `grace_seconds` may be under way.
create or replace function public.saft_uncleared(
    source text, grace_seconds double precision, "limit" integer default 500)
returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(f.as_json order by f.id), '[]')
    from (
        select l.* from saft.ledger l
        where l.source = saft_uncleared.source and l.is_current and l.status = 'loaded'
            and l.removed_at is null
            and l.loaded_at < now() - make_interval(secs => grace_seconds)
        order by l.id
        limit "limit"
    ) f
$$;
