-- The ledger: who has claimed what, and what became of each file.

-- Take files for `owner`, those that were never loaded first, then oldest first: pending ones, failed
-- and incomplete ones whose next try is due, those of an expired lease. With `ids`: those, whatever their state, unless another's claim on them is alive.
-- A file whose process died each time is given up. Asked again, gives what the owner holds already.
create or replace function public.saft_claim(
    owner text, lease_seconds double precision, source text default null,
    "limit" integer default null, ids bigint[] default null, max_attempts integer default 6)
returns jsonb
language plpgsql
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    due bigint[];
begin
    -- A call that is sent again while the first is at work waits for it.
    perform pg_advisory_xact_lock(hashtextextended('saft claim ' || owner, 0));
    if exists (select from public.invoice_files f where f.claimed_by = owner) then
        return public.saft_claimed(owner);
    end if;
    if ids is not null then
        due := array(
            select f.id from public.invoice_files f
            where f.id = any(ids) and f.is_current
                and (f.claimed_by is null or f.lease_expires_at < now())
            for update skip locked);
    else
        update public.invoice_files f set
            status = 'failed', claimed_by = null, previous_status = null, lease_expires_at = null,
            error = format('the process that loaded it died, %s times in a row; look at its run, '
                           'then: saft retry', f.attempts)
        where f.claimed_by is not null and f.lease_expires_at < now()
            and f.attempts >= max_attempts;
        due := array(
            select f.id from public.invoice_files f
            where f.is_current and f.status <> 'loaded' and (source is null or f.source = source)
                and (f.status = 'pending'
                     or f.status in ('failed', 'incomplete') and f.next_attempt_at <= now()
                     or f.status = 'running' and f.lease_expires_at < now())
            order by f.loaded_at is not null, f.modified_at, f.id
            limit "limit"
            for update skip locked);
    end if;
    update public.invoice_files f set
        previous_status = coalesce(f.previous_status, f.status), status = 'running',
        claimed_by = owner, attempts = f.attempts + 1,
        lease_expires_at = now() + make_interval(secs => lease_seconds)
    where f.id = any(due);
    return public.saft_claimed(owner);
end $$;

-- What `owner` holds, oldest first.
create or replace function public.saft_claimed(owner text) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(f.as_json order by f.modified_at, f.id), '[]')
    from saft.ledger f
    where f.claimed_by = owner
$$;

-- Give parts of a claim to other owners: `parts` is an object from new owner to ledger ids. How
-- many files are now theirs.
create or replace function public.saft_hand_over(owner text, parts jsonb, lease_seconds double precision)
returns integer
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
declare
    part record;
begin
    for part in select p.key as owner, p.value as ids from jsonb_each(parts) p loop
        update public.invoice_files f set
            claimed_by = part.owner,
            lease_expires_at = now() + make_interval(secs => lease_seconds)
        where f.claimed_by = owner and f.id = any(array(
            select e.value::bigint from jsonb_array_elements_text(part.ids) e));
    end loop;
    return (
        select count(*) from public.invoice_files f
        where f.claimed_by in (select jsonb_object_keys(parts)));
end $$;

-- Extend a claim; how many files it has. A file that is being published at this moment is passed over:
-- while it is locked nobody else can claim it either.
create or replace function public.saft_renew(owner text, lease_seconds double precision) returns integer
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
declare
    ends constant timestamptz := now() + make_interval(secs => lease_seconds);
    held integer;
begin
    -- What was claimed or renewed just now is left as it is: thousands of rows would be written anew.
    update public.invoice_files f set lease_expires_at = ends
    where f.id in (
        select mine.id from public.invoice_files mine
        where mine.claimed_by = owner
            and abs(extract(epoch from mine.lease_expires_at - ends)) > abs(lease_seconds) / 5
        for no key update skip locked);
    select count(*) into held from public.invoice_files f where f.claimed_by = owner;
    return held;
end $$;

-- Put what `owner` holds back to what it was before the claim; how many files.
create or replace function public.saft_release(owner text) returns integer
language plpgsql set search_path = ''
as $$
declare
    released integer;
begin
    update public.invoice_files f set
        status = f.previous_status, claimed_by = null, previous_status = null, lease_expires_at = null,
        attempts = greatest(f.attempts - 1, 0)
    where f.claimed_by = owner;
    get diagnostics released = row_count;
    return released;
end $$;

-- Somebody cancelled the run of `owner`: what it was to load for the first time, or again by itself,
-- is failed with that reason; what was loaded, or had failed for a reason of its own, is that again.
-- How many files are marked.
create or replace function public.saft_give_up(owner text, reason text, run_id text default null)
returns integer
language plpgsql set search_path = ''
as $$
#variable_conflict use_variable
declare
    unfinished bigint[] := array(
        select f.id from public.invoice_files f
        where f.claimed_by = owner
            and (f.previous_status in ('pending', 'running') or f.next_attempt_at is not null)
        for update);
begin
    update public.invoice_files f set
        status = 'failed', error = reason, run_id = run_id, next_attempt_at = null,
        claimed_by = null, previous_status = null, lease_expires_at = null
    where f.id = any(unfinished);
    perform saft.clear_staging(unfinished);
    perform public.saft_release(owner);
    return cardinality(unfinished);
end $$;

-- Who holds files of `source` with a lease that has ended.
create or replace function public.saft_expired_owners(source text) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct f.claimed_by), '[]')
    from public.invoice_files f
    where f.claimed_by is not null and f.lease_expires_at < now()
        and f.source = saft_expired_owners.source
$$;

-- Where many files are joined with the ledger below, nested loops are off or every look-up has its
-- key for itself: a planner that takes a large claim for one file would compare all with all.

-- Record what was fetched: `contents` has ledger_id, sha256, size, modified_at and pack. Other bytes than
-- before make a new version, which the claim moves on to. `same_as` is a loaded row of these bytes,
-- read by the same version of the program. What was racy, and is the same when it is read once more, is
-- so no longer. The answers are in the order of `contents`; told twice,
-- they are the same.
create or replace function public.saft_settle(owner text, contents jsonb, saft_version text) returns jsonb
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan set jit = off
as $$
#variable_conflict use_variable
declare
    asked bigint[] := array(
        select (c ->> 'ledger_id')::bigint from jsonb_array_elements(contents) c);
    noted integer;
    answer jsonb;
begin
    with fetched as materialized (
        select c.*, same.id as same_as,
            case when same.id is null then c.pack else same.artifact_pack end as artifact_pack
        from rows from (jsonb_to_recordset(contents) as (
            ledger_id bigint, sha256 text, size bigint, modified_at timestamptz, racy boolean,
            pack text))
            with ordinality c(ledger_id, sha256, size, modified_at, racy, pack, place)
        -- As saft.same_bytes has it, without a call for each file.
        left join lateral (
            select f.id, f.artifact_pack from public.invoice_files f
            where f.sha256 = c.sha256 and f.loaded_at is not null and f.saft_version = saft_version
            order by f.id limit 1
        ) same on true
    ), noted as (
        update public.invoice_files f set
            sha256 = c.sha256, size = c.size, modified_at = c.modified_at,
            bytes_modified_at = coalesce(f.bytes_modified_at, c.modified_at),
            racy = coalesce(c.racy, false) and coalesce(f.racy
                or (f.sha256, f.modified_at) is distinct from (c.sha256, c.modified_at), true),
            artifact_pack = c.artifact_pack
        from fetched c
        -- Written so that the index of claims isn't taken: it gives all that the owner has, and
        -- each of these would be compared with each of the others.
        where f.id = any(asked) and f.id = c.ledger_id and coalesce(f.claimed_by = owner, false)
            and coalesce(f.sha256 = c.sha256, true)
        returning f.id
    )
    select jsonb_agg(jsonb_build_object(
               'ledger_id', c.ledger_id, 'same_as', c.same_as, 'pack', c.artifact_pack)
               order by c.place),
        count(n.id)
    into answer, noted
    from fetched c left join noted n on n.id = c.ledger_id;
    if noted = cardinality(asked) then
        return answer;
    end if;
    return saft.settle_versions(owner, contents, saft_version);
end $$;

-- The first loaded row of these bytes that the same version of the program read, if there is one.
create or replace function saft.same_bytes(sha256 text, saft_version text)
returns table (id bigint, artifact_pack text)
language sql stable set search_path = ''
as $$
    select f.id, f.artifact_pack from public.invoice_files f
    where f.sha256 = same_bytes.sha256 and f.loaded_at is not null
        and f.saft_version = same_bytes.saft_version
    order by f.id limit 1
$$;

-- The same where some rows hold other bytes, or are no longer the owner's.
create or replace function saft.settle_versions(owner text, contents jsonb, saft_version text)
returns jsonb
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan
set enable_nestloop = off set jit = off
as $$
#variable_conflict use_variable
begin
    perform f.id from public.invoice_files f
    where f.claimed_by = owner
        and f.id in (select (c ->> 'ledger_id')::bigint from jsonb_array_elements(contents) c)
    order by f.id
    for update;

    perform saft.new_version(f, c.sha256, c.size, c.modified_at, coalesce(c.racy, false),
        case when same.id is null then c.pack else same.artifact_pack end)
    from jsonb_to_recordset(contents)
        c(ledger_id bigint, sha256 text, size bigint, modified_at timestamptz, racy boolean,
          pack text)
    join public.invoice_files f on f.id = c.ledger_id and f.claimed_by = owner
    left join lateral saft.same_bytes(c.sha256, saft_version) same on true
    where f.sha256 <> c.sha256;

    return (
        select jsonb_agg(jsonb_build_object(
            'ledger_id', coalesce(held.id, c.ledger_id), 'same_as', same.id,
            'pack', case when held.id is null then told.artifact_pack else held.artifact_pack end
        ) order by c.place)
        from (
            select (e ->> 'ledger_id')::bigint as ledger_id, e ->> 'sha256' as sha256, place
            from jsonb_array_elements(contents) with ordinality x(e, place)
        ) c
        left join lateral (
            select f.* from public.invoice_files f where f.id = c.ledger_id limit 1
        ) told on true
        left join lateral (
            select f.* from public.invoice_files f
            where f.source = told.source and f.path = told.path and f.is_current
            limit 1
        ) held on held.claimed_by = owner and held.sha256 = c.sha256
        left join lateral saft.same_bytes(c.sha256, saft_version) same on true);
end $$;

-- The next version of a claimed file, which takes over the claim; the old one is what it was.
create or replace function saft.new_version(
    old public.invoice_files, sha256 text, size bigint, modified_at timestamptz, racy boolean,
    pack text)
returns bigint
language plpgsql set search_path = ''
as $$
declare
    id bigint;
begin
    update public.invoice_files f set
        is_current = false, claimed_by = null, previous_status = null, lease_expires_at = null,
        status = case when f.loaded_at is not null then 'loaded'
                      when f.previous_status in ('running', 'pending') then 'failed'
                      else f.previous_status end,
        error = case when f.loaded_at is not null then null
                     else coalesce(f.error, 'its bytes were replaced before they were loaded') end
    where f.id = old.id;
    insert into public.invoice_files (
        source, path, version, filename, branch, size, modified_at, sha256, bytes_modified_at,
        listed_size, listed_modified_at, racy, artifact_pack, status, attempts, claimed_by,
        previous_status, lease_expires_at)
    values (
        old.source, old.path, old.version + 1, old.filename, old.branch, new_version.size,
        new_version.modified_at, new_version.sha256, new_version.modified_at,
        old.listed_size, old.listed_modified_at, new_version.racy, pack, 'running', 1, old.claimed_by, 'pending', old.lease_expires_at)
    returning invoice_files.id into id;
    return id;
end $$;

-- Note why claimed files were not loaded: `failures` has ledger_id, reason, state and, for a fault
-- that passes, retry_after_seconds. A loaded file stays loaded, unless it was seen to have changed.
-- Bytes without their end are forgotten: those that follow are the same version.
create or replace function public.saft_fail(owner text, failures jsonb, run_id text default null)
returns integer
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan
set enable_nestloop = off set jit = off
as $$
#variable_conflict use_variable
declare
    noted bigint[];
begin
    with failed as (
        update public.invoice_files f set
            status = case
                when f.loaded_at is not null and (f.previous_status = 'loaded' or x.state = 'gone')
                then 'loaded' else x.state end,
            sha256 = case when x.state <> 'incomplete' or f.loaded_at is not null
                          then f.sha256 end,
            bytes_modified_at = case when x.state <> 'incomplete' or f.loaded_at is not null
                                     then f.bytes_modified_at end,
            error = x.reason, run_id = run_id,
            next_attempt_at = now() + make_interval(secs => x.retry_after_seconds),
            claimed_by = null, previous_status = null, lease_expires_at = null
        from jsonb_to_recordset(failures)
            x(ledger_id bigint, reason text, state text, retry_after_seconds double precision)
        where f.id = x.ledger_id and f.claimed_by = owner
        returning f.id
    )
    select array_agg(failed.id) into noted from failed;
    perform saft.clear_staging(noted);
    return coalesce(cardinality(noted), 0);
end $$;

-- Note that we archived or deleted files: a path that comes back is then a new version.
create or replace function public.saft_mark_removed(ids bigint[]) returns integer
language plpgsql set search_path = ''
as $$
declare
    noted integer;
begin
    update public.invoice_files f set removed_at = now() where f.id = any(ids);
    get diagnostics noted = row_count;
    return noted;
end $$;

-- How many files are in each state, by their newest version.
create or replace function public.saft_counts(source text default null) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_object_agg(c.name, c.files), '{}')
    from (
        select c.name, sum(c.value) as files
        from saft.ledger_counts c
        where c.name !~ '_' and (saft_counts.source is null or c.source = saft_counts.source)
        group by c.name
        having sum(c.value) <> 0
    ) c
$$;

-- Every source that the ledger knows: one look at an index for each.
create or replace function saft.sources() returns text[]
language sql stable set search_path = ''
as $$
    with recursive known as (
        (select f.source from public.invoice_files f order by f.source limit 1)
        union all
        select (select f.source from public.invoice_files f where f.source > k.source
                order by f.source limit 1)
        from known k
        where k.source is not null
    )
    select coalesce(array_agg(k.source), '{}') from known k where k.source is not null
$$;

-- The newest ids below `before` of files that are not loaded, in one state: of each source as many as
-- are asked for, so that the newest of all are among them.
create or replace function saft.unloaded(
    state text, source text default null, before bigint default null, "limit" integer default 100)
returns setof bigint
language sql stable set search_path = ''
as $$
    select f.id
    from unnest(case when unloaded.source is null then saft.sources() else array[unloaded.source] end)
        as of(source)
    cross join lateral (
        select i.id from public.invoice_files i
        where i.is_current and i.source = of.source and i.status = state
            and i.status in ('pending', 'failed', 'unreadable', 'gone', 'incomplete')
            and (before is null or i.id < before)
        order by i.id desc
        limit "limit"
    ) f
$$;

-- Ledger rows, newest first, with ids below `before`; older versions too for a path, a run or ids.
-- As json, which takes a fifth of the time of jsonb; with the internal columns, which nobody reads.
create or replace function public.saft_files(
    source text default null, state text default null, path text default null,
    keys text[] default null, ids bigint[] default null, run_id text default null,
    before bigint default null, "limit" integer default 10000)
returns json
language plpgsql stable
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    -- The index on paths begins with the source.
    sources text[] := case when source is null and path is not null then saft.sources() end;
begin
    if state not in ('loaded', 'running') and num_nonnulls(path, keys, ids, run_id) = 0 then
        ids := array(select saft.unloaded(state, source, before, "limit"));
    end if;
    return coalesce((
        select json_agg(f.found)
        from (
            select to_json(f) as found from public.invoice_files f
            where (source is null or f.source = source)
                and (sources is null or f.source = any(sources))
                and (state is null or f.status = state)
                and (state is distinct from 'running' or f.claimed_by is not null)
                and (path is null or f.path = path)
                and (keys is null or left(md5(f.source || ' ' || f.path), 12) = any(keys))
                and (ids is null or f.id = any(ids))
                and (run_id is null or f.run_id = run_id)
                and (before is null or f.id < before)
                and (f.is_current or path is not null or run_id is not null or ids is not null)
            order by f.id desc
            limit "limit"
        ) f), '[]');
end $$;

-- Let files that were not loaded be taken again: those paths, or with null all that failed.
create or replace function public.saft_retry(
    paths text[] default null, source text default null) returns jsonb
language sql set search_path = ''
as $$
    with again as (
        update public.invoice_files f set
            status = 'pending', attempts = 0, next_attempt_at = null
        where f.is_current and f.status <> 'loaded' and f.status <> 'running'
            and case when paths is null then f.status = 'failed' else f.path = any(paths) end
            and (saft_retry.source is null or f.source = saft_retry.source)
        returning f.*
    )
    select coalesce(jsonb_agg(
        to_jsonb(again) - saft.internal_columns('invoice_files') order by again.id), '[]')
    from again
$$;
