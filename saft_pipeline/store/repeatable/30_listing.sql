-- What a listing of the folder makes of the ledger.

-- Columns of a table of the contract that are for publishing alone: no program reads them.
create or replace function saft.internal_columns(table_name text) returns text[]
language sql immutable set search_path = ''
as $$
    select coalesce(array_agg(c.column_name), '{}')
    from (values
        ('companies', 'date_created'), ('companies', 'invoice_file_id'),
        ('customers', 'date_created'), ('customers', 'invoice_file_id'),
        ('invoices', 'content_hash'), ('invoice_file_links', 'content_hash'),
        ('invoice_files', 'publication'), ('invoice_files', 'previous_status'),
        ('invoice_files', 'bytes_modified_at'), ('invoice_files', 'date_created'),
        ('invoice_files', 'removed_at'), ('invoice_files', 'listed_size'),
        ('invoice_files', 'listed_modified_at'), ('invoice_files', 'racy')
    ) c(table_name, column_name)
    where c.table_name = internal_columns.table_name
$$;

-- The ledger, and each row as the programs read it: only columns of the contract.
create or replace view saft.ledger with (security_invoker = true) as
select f.*, to_jsonb(f) - saft.internal_columns('invoice_files') as as_json
from public.invoice_files f;

-- What a listing changes in the ledger: `ledger_id` is the path's current row, `change` is new,
-- returned (after we archived or deleted it), changed (in size or time), rejected (it can't be taken),
-- opened (an archive, of which only the members are the ledger's), or busy: changed, but a run is
-- loading it.
create type saft.sighting as (
    ledger_id bigint, path text, filename text, branch text, size bigint, modified_at timestamptz,
    status text, error text, change text);

-- The rows of a listing, in COPY's text form: path, filename, branch, size, modified_at, status, and
-- the reason if it can't be taken.
create or replace function saft.listing(listed text) returns setof saft.sighting
language sql stable set search_path = ''
as $$
    select null::bigint, r[1], r[2], r[3], r[4]::bigint, r[5]::timestamptz, r[6], r[7], null::text
    from saft.copy_rows(listed) r
$$;

-- Bring the ledger up to what a part of a listing of `source` shows: its paths above `after` up to
-- `until`. `whole` says that what it lacks of these is gone; `age_seconds` is how long ago the listing
-- began: what happened since then it can't know. `busy` are the paths that must be told again once their
-- runs are over. Each file is looked up by its own: a planner whose statistics are old would compare all
-- with all.
create or replace function public.saft_observe(
    source text, listed text, whole boolean, age_seconds double precision default 0,
    after text default null, until text default null)
returns jsonb
language plpgsql
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
set enable_seqscan = off set jit = off
as $$
#variable_conflict use_variable
declare
    began timestamptz := now() - make_interval(secs => age_seconds);
    listing saft.sighting[] := array(select l from saft.listing(listed) l);
    news saft.sighting[];
    gone integer := 0;
begin
    -- One listing of a folder at a time: two that meet would both add the same path.
    perform pg_advisory_xact_lock(hashtextextended('saft listing ' || source, 0));
    news := array(
        select row(f.id, s.path, s.filename, s.branch, s.size, s.modified_at, s.status, s.error,
                   c.change)::saft.sighting
        from unnest(listing) s
        left join lateral (
            select x.* from public.invoice_files x
            where x.source = source and x.path = s.path and x.is_current
            limit 1
        ) f on true
        cross join lateral (
            select case
                when s.status = 'opened' then
                    case when f.status <> 'running' and f.loaded_at is null then 'opened' end
                when f.id is null then 'new'
                when f.removed_at is not null then
                    case when f.removed_at <= began and s.error is null then 'returned' end
                when s.error is not null and f.status <> 'running' then
                    case when f.status not in ('loaded', s.status) then 'rejected' end
                -- Whether it is a new version, its bytes will tell. What reading it found may differ
                -- from what listings say: they are compared with each other.
                when (coalesce(f.listed_size, f.size),
                      coalesce(f.listed_modified_at, f.modified_at))
                        is distinct from (s.size, s.modified_at)
                    or f.status in ('gone', 'unreadable')
                    then case when f.status = 'running' then 'busy' else 'changed' end
            end as change
        ) c
        where c.change is not null);

    update public.invoice_files f set is_current = false
    from unnest(news) s
    where f.id = s.ledger_id and (s.change = 'returned' or s.change = 'opened' and f.status <> 'running');

    insert into public.invoice_files (
        source, path, version, filename, branch, size, modified_at, listed_size,
        listed_modified_at, status, error)
    select source, s.path, 1 + coalesce(
            (select max(old.version) from public.invoice_files old
             where old.source = source and old.path = s.path), 0),
        s.filename, s.branch, s.size, s.modified_at, s.size, s.modified_at, s.status, s.error
    from unnest(news) s
    where s.change in ('new', 'returned')
    order by s.modified_at, s.path collate "C";

    update public.invoice_files f set
        status = s.status, size = s.size, modified_at = s.modified_at, error = s.error,
        listed_size = s.size, listed_modified_at = s.modified_at, attempts = 0, next_attempt_at = null
    from unnest(news) s
    where f.id = s.ledger_id and s.change = 'changed' and f.status <> 'running';

    update public.invoice_files f set status = s.status, error = s.error
    from unnest(news) s
    where f.id = s.ledger_id and s.change = 'rejected' and f.status not in ('running', 'loaded');

    if whole then
        gone := saft.mark_gone(
            source, array(select s.path from unnest(listing) s), began, after, until);
    end if;
    perform saft.add_up_counts();
    return (
        select jsonb_build_object(
            'listed', cardinality(listing), 'gone', gone,
            'new', count(*) filter (where s.change = 'new'),
            'changed', count(*) filter (where s.change = 'changed'),
            'returned', count(*) filter (where s.change = 'returned'),
            'busy', coalesce(jsonb_agg(s.path) filter (where s.change = 'busy'), '[]'))
        from unnest(news) s);
end $$;

-- Files whose time may have deceived us and can't any more, oldest first: `racy_seconds` is how long
-- a time may, by the server's clock or, since the file was loaded, by ours.
create or replace function public.saft_racy(
    source text, racy_seconds double precision, "limit" integer default 100)
returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(f.as_json order by f.id), '[]')
    from (
        select r.* from saft.ledger r
        where r.racy and r.source = saft_racy.source and r.is_current and r.removed_at is null
            and r.status in ('loaded', 'failed') and r.claimed_by is null
            and greatest(r.modified_at, r.first_seen_at, r.loaded_at)
                < now() - make_interval(secs => racy_seconds)
        order by r.id
        limit "limit"
    ) f
$$;

-- Note that racy files were looked at once more: `changed` are those whose bytes are others by now.
create or replace function public.saft_looked_again(ids bigint[], changed bigint[]) returns integer
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
declare
    looked integer;
begin
    update public.invoice_files f set
        racy = false,
        status = case when f.id = any(changed) then 'pending' else f.status end,
        attempts = case when f.id = any(changed) then 0 else f.attempts end
    where f.id = any(ids || changed) and f.racy and f.is_current and f.claimed_by is null
        and f.removed_at is null;
    get diagnostics looked = row_count;
    return looked;
end $$;

-- Files that a whole listing lacks before they, or what they had changed to, were loaded; how many.
create or replace function saft.mark_gone(
    source text, paths text[], began timestamptz, after text, until text) returns integer
language plpgsql
set search_path = '' set enable_nestloop = off set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    gone integer;
begin
    update public.invoice_files f set
        status = case when f.loaded_at is null then 'gone' else 'loaded' end,
        next_attempt_at = null,
        error = 'it vanished from the server before it was loaded'
            || coalesce('; before that: ' || f.error, '')
    where f.source = source and f.is_current and f.first_seen_at <= began
        and f.status <> 'loaded' and f.status in ('pending', 'incomplete', 'failed', 'unreadable')
        and (after is null or f.path collate "C" > after)
        and (until is null or f.path collate "C" <= until)
        and not exists (select from unnest(paths) p where p = f.path);
    get diagnostics gone = row_count;
    return gone;
end $$;
