-- What the past is still needed for: asked before Dagster's history and artifacts are deleted.

-- The keys of files that a run has, or will have without anything changing on the server.
create or replace function public.saft_open_keys() returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(left(md5(f.source || ' ' || f.path), 12)), '[]')
    from public.invoice_files f
    where f.is_current and f.status <> 'loaded'
        and (f.status in ('pending', 'running') or f.next_attempt_at is not null)
$$;

-- Which of these hashes are of bytes that were seen or loaded since then, or are yet to be loaded.
create or replace function public.saft_recent_hashes(hashes text[], since timestamptz) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct f.sha256), '[]')
    from public.invoice_files f
    where f.sha256 = any(hashes)
        and (greatest(f.first_seen_at, f.loaded_at) >= since or f.status in ('pending', 'running'))
$$;

-- The same of packs: which of these keep the artifacts of such bytes.
create or replace function public.saft_recent_packs(packs text[], since timestamptz) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct f.artifact_pack), '[]')
    from public.invoice_files f
    where f.artifact_pack = any(packs)
        and (greatest(f.first_seen_at, f.loaded_at) >= since or f.status in ('pending', 'running'))
$$;
