-- The ledger: what a listing shows, who has claimed what, what became of each file.

-- A row as the programs read it: only columns of the contract.
create function saft.ledger_row(file public.invoice_files) returns jsonb
language sql stable set search_path = ''
as $$
    select to_jsonb(file)
        - '{publication,claimed_from,bytes_modified_at,date_created,departed_at}'::text[]
$$;

-- Bring the ledger up to what a listing of `source` shows. `seen` has path, filename, branch, size,
-- modified_at, complete and unreadable (the reason); `whole` says that what it lacks is gone;
-- `age_seconds` is how long ago the listing began: what happened since then it can't know.
create function public.saft_observe(
    source text, seen json, whole boolean, age_seconds double precision default 0)
returns jsonb
language plpgsql
set search_path = '' set statement_timeout = '60s' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    began timestamptz := now() - make_interval(secs => age_seconds);
    listed integer; fresh integer; changed integer; returned integer; gone integer := 0;
begin
    -- One listing of a folder at a time: two that meet would both add the same path.
    perform pg_advisory_xact_lock(hashtextextended('saft listing ' || source, 0));
    create temporary table if not exists saft_seen (
        path text, filename text, branch text, size bigint, modified_at timestamptz,
        status text, error text) on commit drop;
    insert into pg_temp.saft_seen
    select s.path, s.filename, s.branch, s.size, s.modified_at,
        case when s.unreadable is not null then 'unreadable'
             when s.complete then 'pending' else 'incomplete' end,
        s.unreadable
    from json_to_recordset(seen) s(path text, filename text, branch text, size bigint,
        modified_at timestamptz, complete boolean, unreadable text);
    get diagnostics listed = row_count;

    -- A path that comes back after we archived or deleted it is a new version.
    update public.invoice_files f set is_current = false
    from pg_temp.saft_seen s
    where f.source = source and f.path = s.path and f.is_current and f.departed_at <= began
        and s.status <> 'unreadable';
    get diagnostics returned = row_count;

    insert into public.invoice_files (
        source, path, version, filename, branch, size, modified_at, status, error)
    select source, s.path, coalesce(
            (select max(old.version) from public.invoice_files old
             where old.source = source and old.path = s.path), 0) + 1,
        s.filename, s.branch, s.size, s.modified_at, s.status, s.error
    from pg_temp.saft_seen s
    left join public.invoice_files f on f.source = source and f.path = s.path and f.is_current
    where f.id is null
    order by s.modified_at, s.path collate "C";
    get diagnostics fresh = row_count;

    -- Another size or time: to be looked at again. Whether it is a new version, its bytes will tell.
    update public.invoice_files f set
        status = s.status, size = s.size, modified_at = s.modified_at, error = s.error,
        attempts = 0, next_attempt_at = null
    from pg_temp.saft_seen s
    where f.source = source and f.path = s.path and f.is_current and f.status <> 'running'
        and f.departed_at is null and s.status <> 'unreadable'
        and ((f.size, f.modified_at) is distinct from (s.size, s.modified_at)
             or f.status in ('gone', 'unreadable'));
    get diagnostics changed = row_count;

    update public.invoice_files f set status = 'unreadable', error = s.error
    from pg_temp.saft_seen s
    where f.source = source and f.path = s.path and f.is_current and s.status = 'unreadable'
        and f.status not in ('running', 'loaded', 'unreadable');

    if whole then
        update public.invoice_files f set
            status = 'gone', next_attempt_at = null,
            error = 'it vanished from the server before it was loaded'
                || coalesce('; before that: ' || f.error, '')
        where f.source = source and f.is_current and f.first_seen_at <= began
            and f.status in ('pending', 'incomplete', 'failed', 'unreadable')
            and not exists (select from pg_temp.saft_seen s where s.path = f.path);
        get diagnostics gone = row_count;
    end if;
    return jsonb_build_object(
        'listed', listed, 'new', fresh - returned, 'changed', changed, 'returned', returned,
        'gone', gone);
end $$;

-- Take files for `owner`, oldest first: pending ones, failed ones whose next try is due, those of an
-- expired lease. With `ids`: those, whatever their state, unless another's claim on them is alive.
-- A file whose process died each time is given up. Asked again, gives what the owner holds already.
create function public.saft_claim(
    owner text, lease_seconds double precision, source text default null,
    "limit" integer default null, ids bigint[] default null, max_attempts integer default 6)
returns jsonb
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
begin
    if not exists (select from public.invoice_files f where f.claimed_by = owner) then
        update public.invoice_files f set
            status = 'failed', claimed_by = null, claimed_from = null, lease_expires_at = null,
            error = format('the process that loaded it died, %s times in a row; look at its run, '
                           'then: saft retry', f.attempts)
        where f.status = 'running' and f.lease_expires_at < now()
            and f.attempts >= max_attempts and ids is null;

        with due as (
            select f.id from public.invoice_files f
            where case when ids is not null then f.id = any(ids)
                    and (f.claimed_by is null or f.lease_expires_at < now())
                else f.is_current and (source is null or f.source = source)
                    and (f.status = 'pending'
                         or f.status = 'failed' and f.next_attempt_at <= now()
                         or f.status = 'running' and f.lease_expires_at < now()) end
            order by f.modified_at, f.id
            limit "limit"
            for update skip locked
        )
        update public.invoice_files f set
            claimed_from = coalesce(f.claimed_from, f.status), status = 'running',
            claimed_by = owner, attempts = f.attempts + 1,
            lease_expires_at = now() + make_interval(secs => lease_seconds)
        from due where f.id = due.id;
    end if;
    return public.saft_claimed(owner);
end $$;

-- What `owner` holds, oldest first.
create function public.saft_claimed(owner text) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(saft.ledger_row(f) order by f.modified_at, f.id), '[]')
    from public.invoice_files f
    where f.claimed_by = owner
$$;

-- Give parts of a claim to other owners: `parts` is an object from new owner to ledger ids.
create function public.saft_hand_over(owner text, parts jsonb, lease_seconds double precision)
returns integer
language plpgsql set search_path = ''
as $$
declare
    given integer;
begin
    update public.invoice_files f set
        claimed_by = part.owner,
        lease_expires_at = now() + make_interval(secs => lease_seconds)
    from (
        select one.key as owner, id::bigint as id
        from jsonb_each(parts) one, jsonb_array_elements_text(one.value) id
    ) part
    where f.id = part.id and f.claimed_by = saft_hand_over.owner;
    get diagnostics given = row_count;
    return given;
end $$;

-- Extend a claim; how many files.
create function public.saft_renew(owner text, lease_seconds double precision) returns integer
language plpgsql set search_path = '' set lock_timeout = '5s'
as $$
declare
    renewed integer;
begin
    update public.invoice_files f
    set lease_expires_at = now() + make_interval(secs => lease_seconds)
    where f.claimed_by = owner;
    get diagnostics renewed = row_count;
    return renewed;
end $$;

-- Put what `owner` holds back to what it was before the claim; how many files.
create function public.saft_release(owner text) returns integer
language plpgsql set search_path = ''
as $$
declare
    released integer;
begin
    update public.invoice_files f set
        status = f.claimed_from, claimed_by = null, claimed_from = null, lease_expires_at = null,
        attempts = greatest(f.attempts - 1, 0)
    where f.claimed_by = owner;
    get diagnostics released = row_count;
    return released;
end $$;

-- Who holds files of `source` with a lease that has ended.
create function public.saft_expired_owners(source text) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct f.claimed_by), '[]')
    from public.invoice_files f
    where f.claimed_by is not null and f.lease_expires_at < now()
        and f.source = saft_expired_owners.source
$$;

-- Record what was fetched: `contents` has ledger_id, sha256, size and modified_at. Other bytes than
-- before make a new version, which the claim moves on to. `same_as` is a loaded row of these bytes,
-- read by the same version of the program. The answers are in the order of `contents`.
create function public.saft_settle(owner text, contents jsonb, saft_version text) returns jsonb
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    content record;
    held public.invoice_files;
    answers jsonb := '[]';
begin
    for content in
        select * from jsonb_to_recordset(contents)
            c(ledger_id bigint, sha256 text, size bigint, modified_at timestamptz)
    loop
        select f.* into held from public.invoice_files f
        where f.id = content.ledger_id and f.claimed_by = owner for update;
        if found then
            if held.sha256 is null or held.sha256 = content.sha256 then
                update public.invoice_files f set
                    sha256 = content.sha256, size = content.size, modified_at = content.modified_at,
                    bytes_modified_at = coalesce(f.bytes_modified_at, content.modified_at)
                where f.id = held.id;
            else
                held.id := saft.new_version(held, content.sha256, content.size, content.modified_at);
            end if;
        else
            -- Told twice: the first time made the new version.
            held.id := (
                select f.id from public.invoice_files f
                join public.invoice_files old using (source, path)
                where old.id = content.ledger_id and f.claimed_by = owner
                    and f.sha256 = content.sha256);
        end if;
        answers := answers || jsonb_build_object(
            'ledger_id', coalesce(held.id, content.ledger_id),
            'same_as', (
                select f.id from public.invoice_files f
                where f.sha256 = content.sha256 and f.loaded_at is not null
                    and f.saft_version = saft_version
                order by f.id limit 1));
    end loop;
    return answers;
end $$;

-- The next version of a claimed file, which takes over the claim; the old one is what it was.
create function saft.new_version(
    old public.invoice_files, sha256 text, size bigint, modified_at timestamptz) returns bigint
language plpgsql set search_path = ''
as $$
declare
    id bigint;
begin
    update public.invoice_files f set
        is_current = false, claimed_by = null, claimed_from = null, lease_expires_at = null,
        status = case when f.loaded_at is not null then 'loaded'
                      when f.claimed_from in ('running', 'pending') then 'failed'
                      else f.claimed_from end,
        error = case when f.loaded_at is not null then null
                     else coalesce(f.error, 'its bytes were replaced before they were loaded') end
    where f.id = old.id;
    insert into public.invoice_files (
        source, path, version, filename, branch, size, modified_at, sha256, bytes_modified_at,
        status, attempts, claimed_by, claimed_from, lease_expires_at)
    values (
        old.source, old.path, old.version + 1, old.filename, old.branch, new_version.size,
        new_version.modified_at, new_version.sha256, new_version.modified_at,
        'running', 1, old.claimed_by, 'pending', old.lease_expires_at)
    returning invoice_files.id into id;
    return id;
end $$;

-- Note why claimed files were not loaded: `failures` has ledger_id, reason, state and, for a fault
-- that passes, retry_after_seconds. A file that was loaded before stays loaded.
create function public.saft_fail(owner text, failures jsonb, run_id text default null)
returns integer
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    noted integer;
begin
    update public.invoice_files f set
        status = case when f.loaded_at is not null then 'loaded' else x.state end,
        error = x.reason, run_id = run_id,
        next_attempt_at = now() + make_interval(secs => x.retry_after_seconds),
        claimed_by = null, claimed_from = null, lease_expires_at = null
    from jsonb_to_recordset(failures)
        x(ledger_id bigint, reason text, state text, retry_after_seconds double precision)
    where f.id = x.ledger_id and f.claimed_by = owner;
    get diagnostics noted = row_count;
    return noted;
end $$;

-- Note that we archived or deleted files: a path that comes back is then a new version.
create function public.saft_departed(ids bigint[]) returns integer
language plpgsql set search_path = ''
as $$
declare
    noted integer;
begin
    update public.invoice_files f set departed_at = now() where f.id = any(ids);
    get diagnostics noted = row_count;
    return noted;
end $$;

-- How many files are in each state, by their newest version.
create function public.saft_counts(source text default null) returns jsonb
language sql stable set search_path = ''
as $$
    select coalesce(jsonb_object_agg(c.status, c.files), '{}')
    from (
        select f.status, count(*) as files
        from public.invoice_files f
        where f.is_current and (saft_counts.source is null or f.source = saft_counts.source)
        group by f.status
    ) c
$$;

-- Ledger rows, current and newest first; older versions too for a path or a run.
create function public.saft_files(
    source text default null, state text default null, path text default null,
    keys text[] default null, ids bigint[] default null, run_id text default null,
    "limit" integer default null)
returns jsonb
language plpgsql stable
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
begin
    return coalesce((
        select jsonb_agg(saft.ledger_row(f) order by f.is_current desc, f.id desc)
        from (
            select f.* from public.invoice_files f
            where (source is null or f.source = source)
                and (state is null or f.status = state)
                and (path is null or f.path = path)
                and (keys is null or left(md5(f.source || ' ' || f.path), 12) = any(keys))
                and (ids is null or f.id = any(ids))
                and (run_id is null or f.run_id = run_id)
                and (f.is_current or path is not null or run_id is not null or ids is not null)
            order by f.is_current desc, f.id desc
            limit "limit"
        ) f), '[]');
end $$;

-- Let files that were not loaded be taken again: those paths, or with null all that failed.
create function public.saft_retry(paths text[] default null) returns jsonb
language sql set search_path = ''
as $$
    with again as (
        update public.invoice_files f set
            status = 'pending', attempts = 0, next_attempt_at = null
        where f.is_current and case when paths is null then f.status = 'failed'
            else f.path = any(paths) and f.status not in ('loaded', 'running') end
        returning f.*
    )
    select coalesce(jsonb_agg(saft.ledger_row(again) order by again.id), '[]') from again
$$;

insert into saft.migrations (version, name) values ('20261124090300', 'ledger');
