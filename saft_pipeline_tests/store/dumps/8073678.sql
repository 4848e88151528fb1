SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA saft;
CREATE TYPE saft.sighting AS (
	ledger_id bigint,
	path text,
	filename text,
	branch text,
	size bigint,
	modified_at timestamp with time zone,
	status text,
	error text,
	change text
);
CREATE FUNCTION public.saft_backlog(source text, incomplete_seconds double precision) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
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
CREATE FUNCTION public.saft_claim(owner text, lease_seconds double precision, source text DEFAULT NULL::text, "limit" integer DEFAULT NULL::integer, ids bigint[] DEFAULT NULL::bigint[], max_attempts integer DEFAULT 6) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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
            status = 'failed', claimed_by = null, claimed_from = null, lease_expires_at = null,
            error = format('the process that loaded it died, %s times in a row; look at its run, '
                           'then: saft retry', f.attempts)
        where f.claimed_by is not null and f.lease_expires_at < now()
            and f.attempts >= max_attempts;
        due := array(
            select f.id from public.invoice_files f
            where f.is_current and f.status <> 'loaded' and (source is null or f.source = source)
                and (f.status = 'pending'
                     or f.status = 'failed' and f.next_attempt_at <= now()
                     or f.status = 'running' and f.lease_expires_at < now())
            order by f.modified_at, f.id
            limit "limit"
            for update skip locked);
    end if;
    update public.invoice_files f set
        claimed_from = coalesce(f.claimed_from, f.status), status = 'running',
        claimed_by = owner, attempts = f.attempts + 1,
        lease_expires_at = now() + make_interval(secs => lease_seconds)
    where f.id = any(due);
    return public.saft_claimed(owner);
end $$;
CREATE FUNCTION public.saft_claimed(owner text) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(saft.ledger_row(f) order by f.modified_at, f.id), '[]')
    from public.invoice_files f
    where f.claimed_by = owner
$$;
CREATE FUNCTION public.saft_companies() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'company_id', c.company_id, 'company_name', c.company_name) order by c.company_id), '[]')
    from public.companies c
$$;
CREATE FUNCTION public.saft_company_totals() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    SET statement_timeout TO '60s'
    AS $$
    select coalesce(jsonb_agg(jsonb_build_array(
        t.company_name, t.documents, t.net::text, t.tax::text, t.gross::text)
        order by t.company_name), '[]')
    from (
        select c.company_name, count(*) as documents, sum(d.net_total) as net,
            sum(d.tax_payable) as tax, sum(d.gross_total) as gross
        from saft.counted_documents d
        join public.companies c using (company_id)
        group by c.company_id, c.company_name
    ) t
$$;
CREATE FUNCTION public.saft_count(counts jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
    insert into saft.counters as c (name, value)
    select one.key, one.value::bigint from jsonb_each_text(counts) one order by one.key
    on conflict (name) do update set value = c.value + excluded.value
$$;
CREATE FUNCTION public.saft_counts(source text DEFAULT NULL::text) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_object_agg(c.status, c.files), '{}')
    from (
        select f.status, count(*) as files
        from public.invoice_files f
        where f.is_current and (saft_counts.source is null or f.source = saft_counts.source)
        group by f.status
    ) c
$$;
CREATE FUNCTION public.saft_departed(ids bigint[]) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
    noted integer;
begin
    update public.invoice_files f set departed_at = now() where f.id = any(ids);
    get diagnostics noted = row_count;
    return noted;
end $$;
CREATE FUNCTION public.saft_expired_owners(source text) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(distinct f.claimed_by), '[]')
    from public.invoice_files f
    where f.claimed_by is not null and f.lease_expires_at < now()
        and f.source = saft_expired_owners.source
$$;
CREATE FUNCTION public.saft_fail(owner text, failures jsonb, run_id text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_variable
declare
    noted bigint[];
begin
    with failed as (
        update public.invoice_files f set
            status = case
                when f.loaded_at is not null and (f.claimed_from = 'loaded' or x.state = 'gone')
                then 'loaded' else x.state end,
            error = x.reason, run_id = run_id,
            next_attempt_at = now() + make_interval(secs => x.retry_after_seconds),
            claimed_by = null, claimed_from = null, lease_expires_at = null
        from jsonb_to_recordset(failures)
            x(ledger_id bigint, reason text, state text, retry_after_seconds double precision)
        where f.id = x.ledger_id and f.claimed_by = owner
        returning f.id
    )
    select array_agg(failed.id) into noted from failed;
    perform saft.clear_staging(noted);
    return coalesce(cardinality(noted), 0);
end $$;
CREATE FUNCTION public.saft_figures(bounds double precision[]) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    SET statement_timeout TO '30s'
    AS $$
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
CREATE FUNCTION public.saft_files(source text DEFAULT NULL::text, state text DEFAULT NULL::text, path text DEFAULT NULL::text, keys text[] DEFAULT NULL::text[], ids bigint[] DEFAULT NULL::bigint[], run_id text DEFAULT NULL::text, "limit" integer DEFAULT NULL::integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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
CREATE FUNCTION public.saft_hand_over(owner text, parts jsonb, lease_seconds double precision) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
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
CREATE FUNCTION public.saft_observe(source text, listed text, whole boolean, age_seconds double precision DEFAULT 0) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
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
                when f.id is null then 'new'
                when f.departed_at is not null then
                    case when f.departed_at <= began and s.status <> 'unreadable'
                         then 'returned' end
                when f.status = 'running' then null
                when s.status = 'unreadable' then
                    case when f.status not in ('loaded', 'unreadable') then 'unreadable' end
                -- Whether it is a new version, its bytes will tell.
                when (f.size, f.modified_at) is distinct from (s.size, s.modified_at)
                    or f.status in ('gone', 'unreadable') then 'changed'
            end as change
        ) c
        where c.change is not null);
    update public.invoice_files f set is_current = false
    from unnest(news) s
    where f.id = s.ledger_id and s.change = 'returned';
    insert into public.invoice_files (
        source, path, version, filename, branch, size, modified_at, status, error)
    select source, s.path, 1 + coalesce(
            (select max(old.version) from public.invoice_files old
             where old.source = source and old.path = s.path), 0),
        s.filename, s.branch, s.size, s.modified_at, s.status, s.error
    from unnest(news) s
    where s.change in ('new', 'returned')
    order by s.modified_at, s.path collate "C";
    update public.invoice_files f set
        status = s.status, size = s.size, modified_at = s.modified_at, error = s.error,
        attempts = 0, next_attempt_at = null
    from unnest(news) s
    where f.id = s.ledger_id and s.change = 'changed' and f.status <> 'running';
    update public.invoice_files f set status = 'unreadable', error = s.error
    from unnest(news) s
    where f.id = s.ledger_id and s.change = 'unreadable' and f.status not in ('running', 'loaded');
    if whole then
        gone := saft.note_gone(source, array(select s.path from unnest(listing) s), began);
    end if;
    return (
        select jsonb_build_object(
            'listed', cardinality(listing), 'gone', gone,
            'new', count(*) filter (where s.change = 'new'),
            'changed', count(*) filter (where s.change = 'changed'),
            'returned', count(*) filter (where s.change = 'returned'))
        from unnest(news) s);
end $$;
CREATE FUNCTION public.saft_open_keys() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(left(md5(f.source || ' ' || f.path), 12)), '[]')
    from public.invoice_files f
    where f.is_current and (f.status in ('pending', 'running') or f.next_attempt_at is not null)
$$;
CREATE FUNCTION public.saft_page(state text DEFAULT NULL::text, path text DEFAULT NULL::text, before bigint DEFAULT NULL::bigint, "limit" integer DEFAULT 100) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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
CREATE FUNCTION public.saft_publish(owner text, publications jsonb, run_id text, saft_version text, staged jsonb DEFAULT NULL::jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET jit TO 'off'
    AS $$
declare
    held bigint[] := saft.publish_hold(owner, publications);
begin
    if staged is not null then
        perform saft.clear_staging(held);
        perform saft.stage(part.key, part.value, held) from jsonb_each_text(staged) part;
    end if;
    perform saft.publish_heads(owner, publications, true);
    return saft.publish_tails(owner, publications, run_id, saft_version);
end $$;
CREATE FUNCTION public.saft_recent_hashes(hashes text[], since timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(distinct f.sha256), '[]')
    from public.invoice_files f
    where f.sha256 = any(hashes)
        and (greatest(f.first_seen_at, f.loaded_at) >= since or f.status in ('pending', 'running'))
$$;
CREATE FUNCTION public.saft_release(owner text) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
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
CREATE FUNCTION public.saft_renew(owner text, lease_seconds double precision) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
#variable_conflict use_variable
declare
    renewed integer;
begin
    update public.invoice_files f
    set lease_expires_at = now() + make_interval(secs => lease_seconds)
    where f.id in (
        select held.id from public.invoice_files held
        where held.claimed_by = owner
        for no key update skip locked);
    get diagnostics renewed = row_count;
    return renewed;
end $$;
CREATE FUNCTION public.saft_report_files(start_date date DEFAULT NULL::date, end_date date DEFAULT NULL::date) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_variable
begin
    return (
        with seen as materialized (
            select f.*, (f.first_seen_at at time zone 'UTC')::date as day
            from public.invoice_files f
            where f.is_current
                and (start_date is null or f.first_seen_at >= start_date::timestamp at time zone 'UTC')
                and (end_date is null
                    or f.first_seen_at < (end_date + 1)::timestamp at time zone 'UTC')
        )
        select json_build_object(
            'days', (
                select coalesce(json_agg(d order by d.day, d.branch, d.status), '[]')
                from (
                    select s.day, s.branch, s.status, count(*) as files,
                        coalesce(sum(s.total_invoices), 0) as invoices,
                        coalesce(sum(s.total_lines), 0) as lines, sum(s.size) as size,
                        count(*) filter (where s.warnings <> '[]') as warned
                    from seen s
                    group by 1, 2, 3
                ) d),
            'unloaded', (
                select coalesce(json_agg(u), '[]')
                from (
                    select s.day, s.path, s.status, s.attempts, s.error
                    from seen s
                    where s.status not in ('loaded', 'pending', 'running')
                    order by s.first_seen_at desc, s.id desc
                    limit 50
                ) u)));
end $$;
CREATE FUNCTION public.saft_report_sales(company_id text DEFAULT NULL::text, start_date date DEFAULT NULL::date, end_date date DEFAULT NULL::date) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    SET work_mem TO '64MB'
    AS $$
#variable_conflict use_variable
begin
    return coalesce((
        select json_agg(r order by r.company_id, r.invoice_date, r.branch)
        from (
            select d.company_id, d.invoice_date, b.branch, count(*) as documents,
                coalesce(sum(d.net_total), 0)::text as net_total,
                coalesce(sum(d.tax_payable), 0)::text as tax_payable,
                coalesce(sum(d.gross_total), 0)::text as gross_total
            from saft.counted_documents d
            left join (
                select distinct on (l.invoice_id) l.invoice_id, f.branch
                from public.invoice_file_links l
                join public.invoice_files f on f.id = l.invoice_file_id
                where f.branch is not null
                    and (company_id is null or f.company_id = company_id)
                order by l.invoice_id, f.id desc
            ) b on b.invoice_id = d.invoice_id
            where (company_id is null or d.company_id = company_id)
                and (start_date is null or d.invoice_date >= start_date)
                and (end_date is null or d.invoice_date <= end_date)
            group by 1, 2, 3
        ) r), '[]');
end $$;
CREATE FUNCTION public.saft_report_vat(company_id text DEFAULT NULL::text, start_date date DEFAULT NULL::date, end_date date DEFAULT NULL::date) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    SET work_mem TO '64MB'
    SET jit TO 'off'
    SET enable_sort TO 'off'
    SET enable_incremental_sort TO 'off'
    AS $$
#variable_conflict use_variable
declare
    rates json;
    months json;
    documents json;
begin
    select json_agg(r) into rates
    from (
        select d.company_id, to_char(d.invoice_date, 'YYYY-MM') as month, d.tax_country_region,
            d.tax_code, d.tax_percentage::text, d.tax_exemption_code, sum(d.lines) as lines,
            sum(d.taxable_base)::text as taxable_base, sum(d.tax_amount)::text as tax_amount
        from (
            select l.company_id, l.invoice_date, l.tax_country_region, l.tax_code,
                l.tax_percentage, l.tax_exemption_code, count(*) as lines,
                sum(l.taxable_base) as taxable_base,
                coalesce(sum(l.tax) filter (where l.tax_percentage is null), 0) as tax_amount
            from saft.counted_lines l
            where not l.is_stamp_duty and l.line_number is not null
                and (company_id is null or l.company_id = company_id)
                and (start_date is null or l.invoice_date >= start_date)
                and (end_date is null or l.invoice_date <= end_date)
            group by 1, 2, 3, 4, 5, 6
        ) d
        group by 1, 2, 3, 4, d.tax_percentage, 6
    ) r;
    with counted as materialized (
        select d.company_id, d.invoice_date, d.invoice_no, d.tax_payable, d.tax, d.stamp_duty,
            d.tax_payable is null or abs(d.tax_payable - d.tax) > 0.005 + 0.01 * d.lines
                as is_mismatch
        from saft.counted_documents d
        where (company_id is null or d.company_id = company_id)
            and (start_date is null or d.invoice_date >= start_date)
            and (end_date is null or d.invoice_date <= end_date)
    ), by_month as (
        select json_agg(m order by m.company_id, m.month) as found
        from (
            select d.company_id, to_char(d.invoice_date, 'YYYY-MM') as month,
                sum(d.documents) as documents, sum(d.tax_payable)::text as tax_payable,
                sum(d.stamp_duty)::text as stamp_duty, sum(d.mismatch)::text as mismatch,
                sum(d.mismatches) as mismatches
            from (
                select c.company_id, c.invoice_date, count(*) as documents,
                    coalesce(sum(c.tax_payable), 0) as tax_payable,
                    coalesce(sum(c.stamp_duty), 0) as stamp_duty,
                    coalesce(sum(coalesce(c.tax_payable, 0) - c.tax)
                        filter (where c.is_mismatch), 0) as mismatch,
                    count(*) filter (where c.is_mismatch) as mismatches
                from counted c
                group by 1, 2
            ) d
            group by 1, 2
        ) m
    ), worst as (
        select json_agg(w) as found
        from (
            select c.company_id, c.invoice_date, c.invoice_no, c.tax_payable::text, c.tax::text
            from counted c
            where c.is_mismatch
            order by abs(coalesce(c.tax_payable, 0) - c.tax) desc, c.invoice_no
            limit 20
        ) w
    )
    select m.found, w.found into months, documents from by_month m, worst w;
    return json_build_object(
        'rates', coalesce(rates, '[]'), 'months', coalesce(months, '[]'),
        'documents', coalesce(documents, '[]'));
end $$;
CREATE FUNCTION public.saft_retry(paths text[] DEFAULT NULL::text[]) RETURNS jsonb
    LANGUAGE sql
    SET search_path TO ''
    AS $$
    with again as (
        update public.invoice_files f set
            status = 'pending', attempts = 0, next_attempt_at = null
        where f.is_current and case when paths is null then f.status = 'failed'
            else f.path = any(paths) and f.status not in ('loaded', 'running') end
        returning f.*
    )
    select coalesce(jsonb_agg(saft.ledger_row(again) order by again.id), '[]') from again
$$;
CREATE FUNCTION public.saft_rights() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    with wanted as (
        select t.name, p.name as privilege
        from unnest('{companies,customers,invoices,invoice_lines,invoice_files,invoice_file_links}'
            ::text[]) t(name)
        cross join unnest('{select,insert,update,delete}'::text[]) p(name)
    )
    select jsonb_build_object(
        'missing', (
            select coalesce(jsonb_agg(w.privilege || ' on ' || w.name), '[]') from wanted w
            where not has_table_privilege('public.' || w.name, w.privilege)),
        'open', (
            select coalesce(jsonb_agg(distinct w.privilege || ' on ' || w.name), '[]')
            from wanted w
            join pg_catalog.pg_roles r on r.rolname in ('anon', 'authenticated')
            where has_table_privilege(r.rolname, 'public.' || w.name, w.privilege)))
$$;
CREATE FUNCTION public.saft_rows(table_name text, keys text[] DEFAULT NULL::text[], ids bigint[] DEFAULT NULL::bigint[], after text[] DEFAULT NULL::text[], "limit" bigint DEFAULT 10000) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO ''
    SET statement_timeout TO '60s'
    SET plan_cache_mode TO 'force_custom_plan'
    SET jit TO 'off'
    AS $_$
#variable_conflict use_variable
declare
    files bigint[] := ids;
    invoices bigint[];
    condition text;
    columns json;
    listed text;
    key text[];
    types text[];
    rows text;
begin
    condition := case table_name
        when 'invoice_files' then 't.id = any($1)'
        when 'invoice_file_links' then 't.invoice_file_id = any($1)'
        when 'companies' then 't.company_id in (
            select f.company_id from public.invoice_files f where f.id = any($1))'
        when 'customers' then '(t.company_id, t.customer_id) in (
            select i.company_id, i.customer_id from public.invoices i where i.id = any($2))'
        when 'invoices' then 't.id = any($2)'
        when 'invoice_lines' then 't.invoice_id = any($2)'
        end;
    if condition is null then
        raise exception 'no table is called %', table_name using errcode = 'undefined_table';
    end if;
    if keys is not null then
        files := array(
            select distinct on (f.source, f.path) f.id from public.invoice_files f
            where left(md5(f.source || ' ' || f.path), 12) = any(keys) and f.loaded_at is not null
            order by f.source, f.path, f.version desc);
    end if;
    if condition like '%$2%' then
        invoices := array(
            select distinct l.invoice_id from public.invoice_file_links l
            where l.invoice_file_id = any(files));
    end if;
    select json_agg(json_build_array(a.attname, format_type(a.atttypid, null)) order by a.attnum),
        string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
    into columns, listed
    from pg_catalog.pg_attribute a
    where a.attrelid = format('public.%I', table_name)::regclass and a.attnum > 0
        and not a.attisdropped
        and a.attname <> all('{content_hash,publication,claimed_from,bytes_modified_at,departed_at}')
        and (table_name = 'invoice_files' or a.attname not in ('date_created', 'invoice_file_id')
             or table_name = 'invoice_file_links');
    select array_agg(a.attname order by k.place),
        array_agg(format_type(a.atttypid, null) order by k.place)
    into key, types
    from pg_catalog.pg_index i
    cross join unnest(i.indkey) with ordinality k(attnum, place)
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where i.indrelid = format('public.%I', table_name)::regclass and i.indisprimary;
    if after is not null then
        condition := condition || (
            select format(' and (%s) > (%s)',
                string_agg(format('t.%I', k.name), ', ' order by k.place),
                string_agg(format('$3[%s]::%s', k.place, types[k.place]), ', ' order by k.place))
            from unnest(key) with ordinality k(name, place));
    end if;
    execute format(
        'select json_agg(r) from (select %s from public.%I t where %s order by %s limit $4) r',
        listed, table_name, condition,
        (select string_agg(format('t.%I', name), ', ') from unnest(key) name))
    into rows using files, invoices, after, "limit";
    return json_build_object('columns', columns, 'key', key, 'rows', coalesce(rows::json, '[]'));
end $_$;
CREATE FUNCTION public.saft_run_files(run_ids text[]) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'run_id', f.run_id, 'path', f.path, 'status', f.status, 'error', f.error,
        'total_invoices', f.total_invoices) order by f.id), '[]')
    from public.invoice_files f
    where f.run_id = any(run_ids) and f.status not in ('running', 'pending')
$$;
CREATE FUNCTION public.saft_schema_version() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select max(version) from saft.migrations
$$;
CREATE FUNCTION public.saft_settle(owner text, contents jsonb, saft_version text) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO ''
    SET plan_cache_mode TO 'force_custom_plan'
    SET enable_nestloop TO 'off'
    SET jit TO 'off'
    AS $$
#variable_conflict use_variable
begin
    perform f.id from public.invoice_files f
    where f.claimed_by = owner
        and f.id in (select (c ->> 'ledger_id')::bigint from jsonb_array_elements(contents) c)
    order by f.id
    for update;
    perform saft.new_version(f, c.sha256, c.size, c.modified_at)
    from jsonb_to_recordset(contents)
        c(ledger_id bigint, sha256 text, size bigint, modified_at timestamptz)
    join public.invoice_files f on f.id = c.ledger_id and f.claimed_by = owner
    where f.sha256 <> c.sha256;
    update public.invoice_files f set
        sha256 = c.sha256, size = c.size, modified_at = c.modified_at,
        bytes_modified_at = coalesce(f.bytes_modified_at, c.modified_at)
    from jsonb_to_recordset(contents)
        c(ledger_id bigint, sha256 text, size bigint, modified_at timestamptz)
    where f.id = c.ledger_id and f.claimed_by = owner;
    return (
        select jsonb_agg(jsonb_build_object(
            'ledger_id', coalesce(held.id, c.ledger_id), 'same_as', same.id) order by c.place)
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
        left join lateral (
            select min(f.id) as id from public.invoice_files f
            where f.sha256 = c.sha256 and f.loaded_at is not null
                and f.saft_version = saft_version
        ) same on true);
end $$;
CREATE FUNCTION public.saft_stage(owner text, ids bigint[], attempt uuid, number integer, table_name text, batch text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    SET statement_timeout TO '60s'
    AS $$
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
CREATE FUNCTION public.saft_told(channel text, matters text[]) RETURNS void
    LANGUAGE sql
    SET search_path TO ''
    AS $$
    insert into saft.alerts (channel, matter)
    select saft_told.channel, m from unnest(matters) m
    on conflict do nothing
$$;
CREATE FUNCTION public.saft_uncleared(source text, grace_seconds double precision, "limit" integer DEFAULT 500) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(saft.ledger_row(f) order by f.id), '[]')
    from (
        select l.* from public.invoice_files l
        where l.source = saft_uncleared.source and l.is_current and l.status = 'loaded'
            and l.departed_at is null
            and l.loaded_at < now() - make_interval(secs => grace_seconds)
        order by l.id
        limit "limit"
    ) f
$$;
CREATE FUNCTION public.saft_untold(channel text, source text, pending_seconds double precision, incomplete_seconds double precision, silent_seconds double precision, others text[]) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO ''
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
#variable_conflict use_variable
declare
    found jsonb;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
            'matter', c.matter, 'kind', c.kind, 'subject', c.subject, 'reason', c.reason,
            'seconds', c.seconds)
        order by c.kind, c.seconds desc), '[]')
    into found
    from saft.conditions(source, pending_seconds, incomplete_seconds, silent_seconds) c;
    found := found || coalesce((
        select jsonb_agg(jsonb_build_object('matter', o)) from unnest(others) o), '[]');
    delete from saft.alerts a
    where a.channel = channel and case
        when a.matter like 'file %' or a.matter like 'incomplete %' then exists (
            select from public.invoice_files f
            where f.id = split_part(a.matter, ' ', 2)::bigint
                and (f.status = 'loaded' or not f.is_current))
        else not exists (
            select from jsonb_array_elements(found) c where c ->> 'matter' = a.matter) end;
    return (
        select coalesce(jsonb_agg(c.one order by c.place), '[]')
        from jsonb_array_elements(found) with ordinality c(one, place)
        where not exists (
            select from saft.alerts a
            where a.channel = channel and a.matter = c.one ->> 'matter'));
end $$;
CREATE FUNCTION saft.clear_abandoned() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
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
CREATE FUNCTION saft.clear_staging(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET enable_seqscan TO 'off'
    AS $$
begin
    delete from saft.staging_files where ledger_id = any(ids);
    delete from saft.staging_companies where ledger_id = any(ids);
    delete from saft.staging_customers where ledger_id = any(ids);
    delete from saft.staging_invoices where ledger_id = any(ids);
    delete from saft.staging_invoice_lines where ledger_id = any(ids);
    delete from saft.staging_links where ledger_id = any(ids);
    delete from saft.staging_batches b where b.ids && clear_staging.ids;
end $$;
CREATE FUNCTION saft.close_to_others() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
    thing record;
    other text;
    service boolean := exists (select from pg_catalog.pg_roles where rolname = 'service_role');
begin
    for thing in
        select c.oid::regclass::text as name, c.relkind in ('r', 'p') and n.nspname = 'public' as guarded,
            case when c.relkind = 'S' then 'sequence' else 'table' end as kind
        from pg_catalog.pg_class c
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'S') and (n.nspname = 'saft'
            or n.nspname = 'public' and c.relname in (
                'companies', 'customers', 'invoices', 'invoice_lines', 'invoice_files',
                'invoice_file_links', 'invoice_credits', 'invoice_overview', 'vat_by_month',
                'invoices_id_seq', 'invoice_files_id_seq'))
        union all
        select p.oid::regprocedure::text, false, 'function'
        from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'saft' or n.nspname = 'public' and p.proname like 'saft\_%'
    loop
        if thing.guarded then
            execute format('alter table %s enable row level security', thing.name);
        end if;
        execute format('revoke all on %s %s from public', thing.kind, thing.name);
        for other in
            select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated')
        loop
            execute format('revoke all on %s %s from %I', thing.kind, thing.name, other);
        end loop;
        if service then
            execute format('grant all on %s %s to service_role', thing.kind, thing.name);
        end if;
    end loop;
    if service then
        grant usage on schema saft to service_role;
    end if;
    notify pgrst, 'reload schema';
end $$;
CREATE FUNCTION saft.conditions(source text, pending_seconds double precision, incomplete_seconds double precision, silent_seconds double precision) RETURNS TABLE(matter text, kind text, subject text, reason text, seconds bigint)
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    with open as (
        select f.*, extract(epoch from now() - greatest(
            f.first_seen_at, f.loaded_at, case when f.modified_at <= now() then f.modified_at end
        ))::bigint as age
        from public.invoice_files f
        where f.is_current and f.status <> 'loaded'
    ), waiting as (
        select o.path, o.age, count(*) over () as files
        from open o
        where o.status = 'pending' and o.error is null
            or o.status = 'failed' and o.next_attempt_at is not null
        order by o.age desc
        limit 1
    ), newest as (
        select extract(epoch from now() - f.first_seen_at)::bigint as age
        from public.invoice_files f
        where f.source = conditions.source
        order by f.id desc
        limit 1
    )
    select 'file ' || o.id, o.status, o.path, o.error, o.age
    from open o
    where o.status in ('gone', 'unreadable') or o.status = 'failed' and o.next_attempt_at is null
    union all
    select 'incomplete ' || o.id, o.status, o.path, o.error, o.age
    from open o
    where o.status = 'incomplete' and o.age > incomplete_seconds
    union all
    select 'waiting', 'waiting', w.path, w.files::text, w.age
    from waiting w
    where w.age > pending_seconds
    union all
    select 'silent', 'silent', conditions.source, null, n.age
    from newest n
    where n.age > silent_seconds
$$;
CREATE FUNCTION saft.conflict(invoice_no text, our_date date, our_hash text, their_date date, their_hash text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
    select jsonb_build_object(
        'code', 'conflict', 'line', null,
        'message', format(
            'invoice %s is another document than the one loaded under that number: InvoiceDate %s '
            'and %s, Hash %s and %s', invoice_no, our_date, their_date,
            coalesce(left(our_hash, 12), 'none'), coalesce(left(their_hash, 12), 'none')),
        'invoice_no', invoice_no,
        'this_file', jsonb_build_object('invoice_date', our_date, 'hash', our_hash),
        'other_file', jsonb_build_object('invoice_date', their_date, 'hash', their_hash))
$$;
CREATE FUNCTION saft.copy_rows(batch text) RETURNS SETOF text[]
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
    select case
        when position(E'\\' in line) = 0 then string_to_array(line, E'\t', E'\b')
        else (select array_agg(saft.unescaped(value) order by place)
              from unnest(string_to_array(line, E'\t', E'\b')) with ordinality v(value, place))
        end
    from unnest(string_to_array(batch, E'\n')) line
    where line <> ''
$$;
CREATE FUNCTION saft.delete_of_files() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    delete from public.invoice_file_links where invoice_file_id in (select id from gone);
    return null;
end $$;
CREATE FUNCTION saft.delete_of_invoices() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    delete from public.invoice_lines where invoice_id in (select id from gone);
    delete from public.invoice_file_links where invoice_id in (select id from gone);
    return null;
end $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.invoice_files (
    id bigint NOT NULL,
    source text NOT NULL,
    path text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    is_current boolean DEFAULT true NOT NULL,
    filename text NOT NULL,
    branch text,
    size bigint NOT NULL,
    modified_at timestamp with time zone NOT NULL,
    sha256 text,
    bytes_modified_at timestamp with time zone,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    claimed_by text,
    claimed_from text,
    lease_expires_at timestamp with time zone,
    error text,
    warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
    run_id text,
    saft_version text,
    company_id text,
    date_created date,
    total_invoices integer,
    total_lines integer,
    declared_number_of_entries bigint,
    declared_total_debit numeric,
    declared_total_credit numeric,
    computed_number_of_entries bigint,
    computed_total_debit numeric,
    computed_total_credit numeric,
    publication jsonb,
    first_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    loaded_at timestamp with time zone,
    departed_at timestamp with time zone,
    CONSTRAINT invoice_files_check CHECK (((status = 'running'::text) = (claimed_by IS NOT NULL))),
    CONSTRAINT invoice_files_check1 CHECK (((status <> 'loaded'::text) OR (loaded_at IS NOT NULL))),
    CONSTRAINT invoice_files_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT invoice_files_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'incomplete'::text, 'running'::text, 'loaded'::text, 'failed'::text, 'gone'::text, 'unreadable'::text]))),
    CONSTRAINT invoice_files_version_check CHECK ((version >= 1))
);
CREATE FUNCTION saft.ledger_row(file public.invoice_files) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select to_jsonb(file)
        - '{publication,claimed_from,bytes_modified_at,date_created,departed_at}'::text[]
$$;
CREATE FUNCTION saft.listing(listed text) RETURNS SETOF saft.sighting
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select null::bigint, r[1], r[2], r[3], r[4]::bigint, r[5]::timestamptz,
        case when r[7] is not null then 'unreadable'
             when r[6]::boolean then 'pending' else 'incomplete' end,
        r[7], null::text
    from saft.copy_rows(listed) r
$$;
CREATE FUNCTION saft.new_version(old public.invoice_files, sha256 text, size bigint, modified_at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
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
CREATE FUNCTION saft.note_gone(source text, paths text[], began timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO ''
    SET enable_nestloop TO 'off'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
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
        and f.status in ('pending', 'incomplete', 'failed', 'unreadable')
        and not exists (select from unnest(paths) p where p = f.path);
    get diagnostics gone = row_count;
    return gone;
end $$;
CREATE FUNCTION saft.publish_changed(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
begin
    update public.invoices i set
        atcud = s.atcud, hash = s.hash, hash_control = s.hash_control,
        hash_extract = s.hash_extract, period = s.period, invoice_date = s.invoice_date,
        invoice_type = s.invoice_type, invoice_status = s.invoice_status,
        invoice_status_date = s.invoice_status_date, status_reason = s.status_reason,
        source_billing = s.source_billing, system_entry_date = s.system_entry_date,
        customer_id = s.customer_id, tax_payable = s.tax_payable, net_total = s.net_total,
        gross_total = s.gross_total, currency_code = s.currency_code,
        currency_amount = s.currency_amount, payment_amount = s.payment_amount,
        withholding_tax_amount = s.withholding_tax_amount, line_count = s.line_count,
        content_hash = s.content_hash, updated_at = now()
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where i.id = l.invoice_id and l.ledger_id = any(ids) and l.wins and not l.is_new;
    delete from public.invoice_lines
    where invoice_id in (
        select l.invoice_id from saft.staging_links l
        where l.ledger_id = any(ids) and l.wins and not l.is_new);
end $$;
CREATE FUNCTION saft.publish_companies(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    with best as materialized (
        select distinct on (s.company_id collate "C") s.*,
            coalesce(p.date_created, '-infinity') as created, p.bytes_modified_at, p.bytes_id
        from saft.staging_files p
        join saft.staging_companies s using (ledger_id)
        where p.ledger_id = any(ids)
        order by s.company_id collate "C", created desc, p.bytes_modified_at desc, p.bytes_id desc
    )
    insert into public.companies as c (
        company_id, company_name, business_name, address_detail, city, postal_code, country,
        date_created, invoice_file_id)
    select b.company_id, b.company_name, b.business_name, b.address_detail, b.city, b.postal_code,
        b.country, nullif(b.created, '-infinity'), b.ledger_id
    from best b
    left join public.companies old using (company_id)
    left join saft.file_order o on o.id = old.invoice_file_id
    where old.company_id is null
        or (b.created, b.bytes_modified_at, b.bytes_id)
            > (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
        or (b.created, b.bytes_modified_at, b.bytes_id)
            = (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
            and (b.company_name, b.business_name, b.address_detail, b.city, b.postal_code,
                 b.country)
                is distinct from
                (old.company_name, old.business_name, old.address_detail, old.city,
                 old.postal_code, old.country)
    on conflict (company_id) do update set
        company_name = excluded.company_name, business_name = excluded.business_name,
        address_detail = excluded.address_detail, city = excluded.city,
        postal_code = excluded.postal_code, country = excluded.country,
        date_created = excluded.date_created, invoice_file_id = excluded.invoice_file_id,
        updated_at = case
            when (c.company_name, c.business_name, c.address_detail, c.city, c.postal_code,
                  c.country)
                is distinct from
                (excluded.company_name, excluded.business_name, excluded.address_detail,
                 excluded.city, excluded.postal_code, excluded.country)
            then now() else c.updated_at end;
end $$;
CREATE FUNCTION saft.publish_customers(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    with best as materialized (
        select distinct on (s.company_id collate "C", s.customer_id collate "C") s.*,
            coalesce(p.date_created, '-infinity') as created, p.bytes_modified_at, p.bytes_id
        from saft.staging_files p
        join saft.staging_customers s using (ledger_id)
        where p.ledger_id = any(ids)
        order by s.company_id collate "C", s.customer_id collate "C", created desc,
            p.bytes_modified_at desc, p.bytes_id desc
    )
    insert into public.customers (
        company_id, customer_id, customer_tax_id, account_id, company_name, address_detail, city,
        postal_code, country, date_created, invoice_file_id)
    select b.company_id, b.customer_id, b.customer_tax_id, b.account_id, b.company_name,
        b.address_detail, b.city, b.postal_code, b.country, nullif(b.created, '-infinity'),
        b.ledger_id
    from best b
    left join public.customers old using (company_id, customer_id)
    left join saft.file_order o on o.id = old.invoice_file_id
    where old.company_id is null
        or (b.created, b.bytes_modified_at, b.bytes_id)
            > (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
        or (b.created, b.bytes_modified_at, b.bytes_id)
            = (coalesce(old.date_created, '-infinity'), o.bytes_modified_at, o.bytes_id)
            and (b.customer_tax_id, b.account_id, b.company_name, b.address_detail, b.city,
                 b.postal_code, b.country)
                is distinct from
                (old.customer_tax_id, old.account_id, old.company_name, old.address_detail,
                 old.city, old.postal_code, old.country)
    on conflict (company_id, customer_id) do update set
        customer_tax_id = excluded.customer_tax_id, account_id = excluded.account_id,
        company_name = excluded.company_name, address_detail = excluded.address_detail,
        city = excluded.city, postal_code = excluded.postal_code, country = excluded.country,
        date_created = excluded.date_created, invoice_file_id = excluded.invoice_file_id;
end $$;
CREATE FUNCTION saft.publish_decide(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET work_mem TO '64MB'
    SET plan_cache_mode TO 'force_custom_plan'
    AS $$
begin
    insert into saft.staging_links (
        ledger_id, seq, invoice_id, content_hash, line_count, is_new, wins, conflict)
    select d.ledger_id, d.seq, first_value(d.invoice_id) over document, d.content_hash,
        d.line_count,
        d.is_new, d.is_new or d.place = 1 and d.wins,
        case
            when d.invoice_date <> first_value(d.invoice_date) over document
                or d.hash <> first_value(d.hash) over document
            then saft.conflict(
                d.invoice_no, d.invoice_date, d.hash, first_value(d.invoice_date) over document,
                first_value(d.hash) over document)
            when d.invoice_date <> d.old_date or d.hash <> d.old_hash
            then saft.conflict(d.invoice_no, d.invoice_date, d.hash, d.old_date, d.old_hash)
        end
    from (
        select s.*, old.id is null and s.place = 1 as is_new,
            case when s.place = 1
                 then coalesce(old.id, nextval('public.invoices_id_seq')) end as invoice_id,
            old.invoice_date as old_date, old.hash as old_hash,
            case when old.content_hash <> s.content_hash then coalesce(
                (s.status_date, s.cancelled, s.bytes_modified_at, s.bytes_id)
                >= (coalesce(old.invoice_status_date, '-infinity'),
                    old.invoice_status is not distinct from 'A', o.bytes_modified_at, o.bytes_id),
                true) else false end as wins
        from (
            select i.ledger_id, i.seq, i.content_hash, i.company_id, i.invoice_no, i.invoice_date,
                i.hash, i.line_count, p.bytes_modified_at, p.bytes_id,
                coalesce(i.invoice_status_date, '-infinity') as status_date,
                i.invoice_status is not distinct from 'A' as cancelled,
                row_number() over (
                    partition by i.company_id collate "C", i.invoice_no collate "C"
                    order by coalesce(i.invoice_status_date, '-infinity') desc,
                        i.invoice_status is not distinct from 'A' desc,
                        p.bytes_modified_at desc, p.bytes_id desc, i.ledger_id desc) as place
            from saft.staging_files p
            join saft.staging_invoices i using (ledger_id)
            where p.ledger_id = any(ids)
        ) s
        left join lateral (
            select x.* from public.invoices x
            where x.company_id = s.company_id and x.invoice_no = s.invoice_no
            limit 1
        ) old on true
        left join lateral (
            select seen.bytes_modified_at, seen.bytes_id
            from public.invoice_file_links l
            join saft.file_order seen on seen.id = l.invoice_file_id
            where l.invoice_id = old.id and l.content_hash = old.content_hash
                and old.content_hash <> s.content_hash
            order by seen.bytes_modified_at desc, seen.bytes_id desc
            limit 1
        ) o on true
    ) d
    window document as (
        partition by d.company_id collate "C", d.invoice_no collate "C" order by d.place);
end $$;
CREATE FUNCTION saft.publish_heads(owner text, publications jsonb, has_lines boolean) RETURNS TABLE(ledger_id bigint, invoice_ids bigint[])
    LANGUAGE plpgsql
    SET search_path TO ''
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_column
declare
    fresh bigint[];
begin
    perform saft.publish_judge(owner, publications, has_lines);
    fresh := array(
        select p.ledger_id from saft.staging_files p
        where p.ledger_id in (
                select (e ->> 'ledger_id')::bigint from jsonb_array_elements(publications) e)
            and p.verdict = 'ready' and p.same_as is null);
    if fresh = '{}' then
        return;
    end if;
    perform saft.publish_lock(fresh);
    perform saft.publish_companies(fresh);
    perform saft.publish_customers(fresh);
    perform saft.publish_decide(fresh);
    perform saft.publish_invoices(fresh);
    if exists (
        select from saft.staging_links l
        where l.ledger_id = any(fresh) and l.wins and not l.is_new)
    then
        perform saft.publish_changed(fresh);
    end if;
    if has_lines then
        perform saft.publish_lines(fresh);
        return;
    end if;
    return query
        select l.ledger_id, array_agg(case when l.wins then l.invoice_id end order by l.seq)
        from saft.staging_links l
        where l.ledger_id = any(fresh)
        group by l.ledger_id
        having bool_or(l.wins);
end $$;
CREATE FUNCTION saft.publish_hold(owner text, publications jsonb) RETURNS bigint[]
    LANGUAGE plpgsql
    SET search_path TO ''
    SET lock_timeout TO '30s'
    AS $$
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
CREATE FUNCTION saft.publish_invoices(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    insert into public.invoices (
        id, company_id, invoice_no, atcud, hash, hash_control, hash_extract, period, invoice_date,
        invoice_type, invoice_status, invoice_status_date, status_reason, source_billing,
        system_entry_date, customer_id, tax_payable, net_total, gross_total, currency_code,
        currency_amount, payment_amount, withholding_tax_amount, line_count, content_hash)
    select l.invoice_id, s.company_id, s.invoice_no, s.atcud, s.hash, s.hash_control,
        s.hash_extract, s.period, s.invoice_date, s.invoice_type, s.invoice_status,
        s.invoice_status_date, s.status_reason, s.source_billing, s.system_entry_date,
        s.customer_id, s.tax_payable, s.net_total, s.gross_total, s.currency_code,
        s.currency_amount, s.payment_amount, s.withholding_tax_amount, s.line_count,
        s.content_hash
    from saft.staging_links l
    join saft.staging_invoices s using (ledger_id, seq)
    where l.ledger_id = any(ids) and l.is_new;
end $$;
CREATE FUNCTION saft.publish_judge(owner text, publications jsonb, has_lines boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
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
            'take the file again: saft retry', p.same_as) end
    from jsonb_populate_recordset(null::saft.staging_files, publications) p
    left join public.invoice_files f on f.id = p.ledger_id
    left join saft.file_order o on o.id = p.ledger_id
    left join lateral (
        select x.* from public.invoice_files x where x.id = p.same_as limit 1
    ) same on same.loaded_at is not null and same.sha256 = f.sha256;
    update saft.staging_files p
    set verdict = 'refused', error = format(
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
               (select count(*) from saft.staging_invoices s where s.ledger_id = q.ledger_id)
                   as invoices,
               case when has_lines
                    then (select count(*) from saft.staging_invoice_lines s
                          where s.ledger_id = q.ledger_id)
                    else (select coalesce(sum(s.line_count), 0) from saft.staging_invoices s
                          where s.ledger_id = q.ledger_id) end as lines
    ) held
    where q.ledger_id in (select (e ->> 'ledger_id')::bigint from jsonb_array_elements(publications) e)
        and q.verdict = 'ready' and q.same_as is null and p.ledger_id = q.ledger_id
        and (held.companies, held.customers, held.invoices, held.lines)
            is distinct from (1, q.customers, q.invoices, q.lines);
end $$;
CREATE FUNCTION saft.publish_ledger(ids bigint[], owner text, run text, program text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
#variable_conflict use_variable
begin
    update public.invoice_files f set
        status = 'loaded', loaded_at = now(), error = null, next_attempt_at = null,
        claimed_by = null, claimed_from = null, lease_expires_at = null,
        run_id = run, saft_version = program,
        company_id = p.company_id, date_created = p.date_created,
        total_invoices = p.invoices, total_lines = p.lines,
        declared_number_of_entries = p.declared_number_of_entries,
        declared_total_debit = p.declared_total_debit,
        declared_total_credit = p.declared_total_credit,
        computed_number_of_entries = p.computed_number_of_entries,
        computed_total_debit = p.computed_total_debit,
        computed_total_credit = p.computed_total_credit,
        warnings = p.warnings || decided.conflicts,
        publication = jsonb_build_object(
            'owner', owner, 'customers', p.customers, 'written_invoices', decided.invoices,
            'written_lines', decided.lines)
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
CREATE FUNCTION saft.publish_lines(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET work_mem TO '64MB'
    SET enable_nestloop TO 'off'
    SET enable_hashjoin TO 'on'
    AS $$
begin
    insert into public.invoice_lines (
        invoice_id, line_number, product_code, product_description, description, quantity,
        unit_of_measure, unit_price, tax_base, tax_point_date, debit_amount, credit_amount,
        tax_type, tax_country_region, tax_code, tax_percentage, tax_amount, tax_exemption_reason,
        tax_exemption_code, settlement_amount, reference, reason)
    select l.invoice_id, s.line_number, s.product_code, s.product_description, s.description,
        s.quantity, s.unit_of_measure, s.unit_price, s.tax_base, s.tax_point_date, s.debit_amount,
        s.credit_amount, s.tax_type, s.tax_country_region, s.tax_code, s.tax_percentage,
        s.tax_amount, s.tax_exemption_reason, s.tax_exemption_code, s.settlement_amount,
        s.reference, s.reason
    from saft.staging_links l
    join saft.staging_invoice_lines s using (ledger_id, seq)
    where l.ledger_id = any(ids) and s.ledger_id = any(ids) and l.wins;
end $$;
CREATE FUNCTION saft.publish_links(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    insert into public.invoice_file_links (invoice_file_id, invoice_id, content_hash)
    select l.ledger_id, l.invoice_id, l.content_hash
    from saft.staging_links l
    where l.ledger_id = any(ids)
    union all
    select p.ledger_id, l.invoice_id, l.content_hash
    from saft.staging_files p
    join public.invoice_file_links l on l.invoice_file_id = p.same_as
    where p.ledger_id = any(ids) and p.same_as <> p.ledger_id
    on conflict (invoice_file_id, invoice_id) do update set content_hash = excluded.content_hash
    where invoice_file_links.content_hash <> excluded.content_hash;
end $$;
CREATE FUNCTION saft.publish_lock(ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    SET lock_timeout TO '30s'
    AS $$
begin
    perform pg_advisory_xact_lock(company.key)
    from (
        select distinct hashtextextended('saft company ' || s.company_id, 0) as key
        from saft.staging_companies s
        where s.ledger_id = any(ids)
        order by 1
    ) company;
end $$;
CREATE FUNCTION saft.publish_outcomes(publications jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'ledger_id', p.ledger_id,
        'status', case when p.verdict in ('ready', 'repeated') then 'loaded'
                       when p.verdict = 'refused' then 'failed' else 'lost' end,
        'error', case when p.verdict = 'lost'
            then 'the lease on this file ended and another run took it; nothing was published here'
            else p.error end,
        'passing', p.verdict = 'refused',
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
CREATE FUNCTION saft.publish_tails(owner text, publications jsonb, run_id text, saft_version text, copied bigint DEFAULT NULL::bigint) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO ''
    SET jit TO 'off'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_variable
declare
    ids bigint[] := array(
        select (p ->> 'ledger_id')::bigint from jsonb_array_elements(publications) p order by 1);
    ready bigint[] := array(
        select p.ledger_id from saft.staging_files p
        where p.ledger_id = any(ids) and p.verdict = 'ready');
    expected bigint;
    outcomes jsonb;
begin
    select coalesce(sum(l.line_count), 0) into expected
    from saft.staging_links l
    where l.ledger_id = any(ready) and l.wins;
    if copied <> expected then
        raise exception '% lines were copied, but % are expected', copied, expected;
    end if;
    if ready <> '{}' then
        perform saft.publish_links(ready);
        perform saft.publish_ledger(ready, owner, run_id, saft_version);
    end if;
    outcomes := saft.publish_outcomes(publications);
    perform saft.clear_staging(array(
        select p.ledger_id from saft.staging_files p
        where p.ledger_id = any(ids) and p.verdict in ('ready', 'refused')));
    delete from saft.staging_files where ledger_id = any(ids);
    return outcomes;
end $$;
CREATE FUNCTION saft.stage(table_name text, batch text, ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
    case table_name
    when 'companies' then
        insert into saft.staging_companies
        select r[1]::bigint, r[2], r[3], r[4], r[5], r[6], r[7], r[8]
        from saft.copy_rows(batch) r where r[1]::bigint = any(ids);
    when 'customers' then
        insert into saft.staging_customers
        select r[1]::bigint, r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10]
        from saft.copy_rows(batch) r where r[1]::bigint = any(ids);
    when 'invoices' then
        insert into saft.staging_invoices
        select r[1]::bigint, r[2]::integer, r[3], r[4], r[5], r[6], r[7], r[8], r[9]::integer,
            r[10]::date, r[11], r[12], r[13]::timestamp, r[14], r[15], r[16]::timestamp, r[17],
            r[18]::numeric, r[19]::numeric, r[20]::numeric, r[21], r[22]::numeric, r[23]::numeric,
            r[24]::numeric, r[25]::integer, r[26]::uuid
        from saft.copy_rows(batch) r where r[1]::bigint = any(ids);
    when 'invoice_lines' then
        insert into saft.staging_invoice_lines
        select r[1]::bigint, r[2]::integer, r[3]::integer, r[4], r[5], r[6], r[7]::numeric, r[8],
            r[9]::numeric, r[10]::numeric, r[11]::date, r[12]::numeric, r[13]::numeric, r[14],
            r[15], r[16], r[17]::numeric, r[18]::numeric, r[19], r[20], r[21]::numeric, r[22],
            r[23]
        from saft.copy_rows(batch) r where r[1]::bigint = any(ids);
    end case;
end $$;
CREATE FUNCTION saft.unescaped(value text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$
    select coalesce(string_agg(
        replace(replace(replace(part, E'\\t', E'\t'), E'\\n', E'\n'), E'\\r', E'\r'),
        E'\\' order by place), value)
    from unnest(string_to_array(value, E'\\\\')) with ordinality v(part, place)
$$;
CREATE TABLE public.companies (
    company_id text NOT NULL,
    company_name text,
    business_name text,
    address_detail text,
    city text,
    postal_code text,
    country text,
    date_created date,
    invoice_file_id bigint,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE public.customers (
    company_id text NOT NULL,
    customer_id text NOT NULL,
    customer_tax_id text,
    account_id text,
    company_name text,
    address_detail text,
    city text,
    postal_code text,
    country text,
    date_created date,
    invoice_file_id bigint
);
CREATE TABLE public.invoice_lines (
    invoice_id bigint NOT NULL,
    line_number integer NOT NULL,
    product_code text,
    product_description text,
    description text,
    quantity numeric,
    unit_of_measure text,
    unit_price numeric,
    tax_base numeric,
    tax_point_date date,
    debit_amount numeric,
    credit_amount numeric,
    tax_type text,
    tax_country_region text,
    tax_code text,
    tax_percentage numeric,
    tax_amount numeric,
    tax_exemption_reason text,
    tax_exemption_code text,
    settlement_amount numeric,
    reference text,
    reason text
);
CREATE TABLE public.invoices (
    id bigint NOT NULL,
    company_id text NOT NULL,
    invoice_no text NOT NULL,
    atcud text,
    hash text,
    hash_control text,
    hash_extract text,
    period integer,
    invoice_date date,
    invoice_type text,
    invoice_status text,
    invoice_status_date timestamp without time zone,
    status_reason text,
    source_billing text,
    system_entry_date timestamp without time zone,
    customer_id text,
    tax_payable numeric,
    net_total numeric,
    gross_total numeric,
    currency_code text,
    currency_amount numeric,
    payment_amount numeric,
    withholding_tax_amount numeric,
    line_count integer,
    content_hash uuid NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE VIEW public.invoice_credits WITH (security_invoker='true') AS
 SELECT i.id AS invoice_id,
    i.company_id,
    i.invoice_no,
    i.net_total,
    COALESCE(c.credit_notes, (0)::bigint) AS credit_notes,
    COALESCE(c.credited, (0)::numeric) AS credited,
    c.last_credited_on,
    ((i.invoice_status IS DISTINCT FROM 'A'::text) AND (NOT ((COALESCE(c.credited, (0)::numeric) > (0)::numeric) AND (c.credited >= i.net_total)))) AS active
   FROM (public.invoices i
     LEFT JOIN LATERAL ( SELECT count(DISTINCT note.id) AS credit_notes,
            sum((COALESCE(line.debit_amount, (0)::numeric) - COALESCE(line.credit_amount, (0)::numeric))) AS credited,
            max(note.invoice_date) AS last_credited_on
           FROM (public.invoice_lines line
             JOIN public.invoices note ON ((note.id = line.invoice_id)))
          WHERE ((line.reference = i.invoice_no) AND (note.company_id = i.company_id) AND (note.invoice_type = 'NC'::text) AND (note.invoice_status IS DISTINCT FROM 'A'::text))) c ON (true));
CREATE TABLE public.invoice_file_links (
    invoice_file_id bigint NOT NULL,
    invoice_id bigint NOT NULL,
    content_hash uuid NOT NULL
);
ALTER TABLE public.invoice_files ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoice_files_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW public.invoice_overview WITH (security_invoker='true') AS
 SELECT i.id,
    i.company_id,
    company.company_name,
    i.invoice_no,
    i.invoice_type,
    i.invoice_date,
    i.invoice_status,
    i.customer_id,
    customer.company_name AS customer_name,
    customer.customer_tax_id,
    i.net_total,
    i.tax_payable,
    i.gross_total,
    i.line_count,
    c.credit_notes,
    c.credited,
    c.active,
    f.branch,
    f.path AS newest_file,
    f.loaded_at,
    i.updated_at
   FROM ((((public.invoices i
     JOIN public.companies company ON ((company.company_id = i.company_id)))
     JOIN public.invoice_credits c ON ((c.invoice_id = i.id)))
     LEFT JOIN public.customers customer ON (((customer.company_id = i.company_id) AND (customer.customer_id = i.customer_id))))
     LEFT JOIN LATERAL ( SELECT file.branch,
            file.path,
            file.loaded_at
           FROM (public.invoice_file_links l
             JOIN public.invoice_files file ON ((file.id = l.invoice_file_id)))
          WHERE (l.invoice_id = i.id)
          ORDER BY file.id DESC
         LIMIT 1) f ON (true));
ALTER TABLE public.invoices ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.invoices_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW saft.counted_lines WITH (security_invoker='true') AS
 SELECT i.id AS invoice_id,
    i.company_id,
    i.invoice_date,
    line.line_number,
    COALESCE((line.tax_type = 'IS'::text), false) AS is_stamp_duty,
    COALESCE(line.tax_country_region, 'PT'::text) AS tax_country_region,
    line.tax_code,
    trim_scale(line.tax_percentage) AS tax_percentage,
    line.tax_exemption_code,
    COALESCE((line.tax_base * (side.sign)::numeric), side.amount) AS taxable_base,
    COALESCE(((COALESCE((line.tax_base * (side.sign)::numeric), side.amount) * line.tax_percentage) * 0.01), (line.tax_amount * (side.sign)::numeric), (0)::numeric) AS tax,
    side.amount
   FROM ((public.invoices i
     LEFT JOIN public.invoice_lines line ON ((line.invoice_id = i.id)))
     CROSS JOIN LATERAL ( SELECT (COALESCE(line.credit_amount, (0)::numeric) - COALESCE(line.debit_amount, (0)::numeric)) AS amount,
                CASE
                    WHEN ((line.debit_amount > COALESCE(line.credit_amount, (0)::numeric)) OR ((line.debit_amount IS NOT NULL) AND (line.credit_amount IS NULL))) THEN '-1'::integer
                    ELSE 1
                END AS sign) side)
  WHERE ((i.invoice_status IS DISTINCT FROM 'A'::text) AND (i.invoice_status IS DISTINCT FROM 'F'::text));
CREATE VIEW public.vat_by_month WITH (security_invoker='true') AS
 SELECT company_id,
    (date_trunc('month'::text, (invoice_date)::timestamp with time zone))::date AS month,
    tax_country_region,
    tax_code,
    tax_percentage,
    sum(taxable_base) AS taxable_base,
    round(sum(tax), 2) AS vat
   FROM saft.counted_lines l
  WHERE ((NOT is_stamp_duty) AND (line_number IS NOT NULL))
  GROUP BY company_id, ((date_trunc('month'::text, (invoice_date)::timestamp with time zone))::date), tax_country_region, tax_code, tax_percentage;
CREATE TABLE saft.alerts (
    channel text NOT NULL,
    matter text NOT NULL,
    told_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE VIEW saft.counted_documents WITH (security_invoker='true') AS
 SELECT s.invoice_id,
    s.company_id,
    s.invoice_date,
    i.invoice_no,
    s.lines,
    s.tax,
    s.stamp_duty,
    ((s.sign)::numeric * i.net_total) AS net_total,
    ((s.sign)::numeric * i.tax_payable) AS tax_payable,
    ((s.sign)::numeric * i.gross_total) AS gross_total
   FROM (( SELECT l.invoice_id,
            l.company_id,
            l.invoice_date,
            count(l.line_number) AS lines,
            sum(l.tax) AS tax,
            sum(l.tax) FILTER (WHERE l.is_stamp_duty) AS stamp_duty,
                CASE
                    WHEN ((sum(l.amount) < (0)::numeric) OR ((sum(l.amount) = (0)::numeric) AND (sum(l.taxable_base) < (0)::numeric))) THEN '-1'::integer
                    ELSE 1
                END AS sign
           FROM saft.counted_lines l
          GROUP BY l.invoice_id, l.company_id, l.invoice_date) s
     JOIN public.invoices i ON ((i.id = s.invoice_id)));
CREATE TABLE saft.counters (
    name text NOT NULL,
    value bigint NOT NULL
);
CREATE VIEW saft.file_order WITH (security_invoker='true') AS
 SELECT f.id,
    f.date_created,
    seen.bytes_modified_at,
    seen.bytes_id
   FROM (public.invoice_files f
     CROSS JOIN LATERAL ( SELECT same.bytes_modified_at,
            same.id AS bytes_id
           FROM public.invoice_files same
          WHERE ((same.sha256 = f.sha256) AND (same.bytes_modified_at IS NOT NULL))
          ORDER BY same.bytes_modified_at, same.id
         LIMIT 1) seen);
CREATE TABLE saft.migrations (
    version text NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE UNLOGGED TABLE saft.staging_batches (
    attempt uuid NOT NULL,
    number integer NOT NULL,
    ids bigint[] NOT NULL
)
WITH (autovacuum_analyze_threshold='2000000000');
CREATE UNLOGGED TABLE saft.staging_companies (
    ledger_id bigint,
    company_id text,
    company_name text,
    business_name text,
    address_detail text,
    city text,
    postal_code text,
    country text
)
WITH (autovacuum_analyze_threshold='2000000000');
CREATE UNLOGGED TABLE saft.staging_customers (
    ledger_id bigint,
    company_id text,
    customer_id text,
    customer_tax_id text,
    account_id text,
    company_name text,
    address_detail text,
    city text,
    postal_code text,
    country text
)
WITH (autovacuum_analyze_threshold='2000000000');
CREATE UNLOGGED TABLE saft.staging_files (
    ledger_id bigint NOT NULL,
    company_id text,
    date_created date,
    invoices integer,
    lines integer,
    customers integer,
    declared_number_of_entries bigint,
    declared_total_debit numeric,
    declared_total_credit numeric,
    computed_number_of_entries bigint,
    computed_total_debit numeric,
    computed_total_credit numeric,
    warnings jsonb,
    same_as bigint,
    bytes_modified_at timestamp with time zone,
    bytes_id bigint,
    verdict text NOT NULL,
    error text
)
WITH (autovacuum_analyze_threshold='2000000000');
CREATE UNLOGGED TABLE saft.staging_invoice_lines (
    ledger_id bigint,
    seq integer,
    line_number integer,
    product_code text,
    product_description text,
    description text,
    quantity numeric,
    unit_of_measure text,
    unit_price numeric,
    tax_base numeric,
    tax_point_date date,
    debit_amount numeric,
    credit_amount numeric,
    tax_type text,
    tax_country_region text,
    tax_code text,
    tax_percentage numeric,
    tax_amount numeric,
    tax_exemption_reason text,
    tax_exemption_code text,
    settlement_amount numeric,
    reference text,
    reason text
)
WITH (autovacuum_analyze_threshold='2000000000');
CREATE UNLOGGED TABLE saft.staging_invoices (
    ledger_id bigint,
    seq integer,
    company_id text,
    invoice_no text,
    atcud text,
    hash text,
    hash_control text,
    hash_extract text,
    period integer,
    invoice_date date,
    invoice_type text,
    invoice_status text,
    invoice_status_date timestamp without time zone,
    status_reason text,
    source_billing text,
    system_entry_date timestamp without time zone,
    customer_id text,
    tax_payable numeric,
    net_total numeric,
    gross_total numeric,
    currency_code text,
    currency_amount numeric,
    payment_amount numeric,
    withholding_tax_amount numeric,
    line_count integer,
    content_hash uuid
)
WITH (autovacuum_analyze_threshold='2000000000');
CREATE UNLOGGED TABLE saft.staging_links (
    ledger_id bigint NOT NULL,
    seq integer NOT NULL,
    invoice_id bigint NOT NULL,
    content_hash uuid NOT NULL,
    line_count integer,
    is_new boolean NOT NULL,
    wins boolean NOT NULL,
    conflict jsonb
)
WITH (autovacuum_analyze_threshold='2000000000');
INSERT INTO public.companies VALUES
	('599999993', 'Padaria São João, Lda', NULL, NULL, NULL, NULL, NULL, '2025-07-01', 2, '2026-11-27 05:42:47.292686+00');
INSERT INTO public.customers VALUES
	('599999993', 'C1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2025-07-01', 2);
INSERT INTO public.invoice_file_links VALUES
	(1, 1, '7948ce5d-1ece-d1a2-645a-368c02b1390e'),
	(1, 2, 'f40e4ab9-7e84-49b9-ee0c-925ace8f79c5'),
	(1, 3, '1ae463ab-fc82-742a-83b0-0237f72eaf78'),
	(2, 1, '27c2b7e3-53c3-8549-b468-64e6deaa89a9'),
	(2, 2, 'f40e4ab9-7e84-49b9-ee0c-925ace8f79c5'),
	(3, 1, '7948ce5d-1ece-d1a2-645a-368c02b1390e'),
	(3, 2, 'f40e4ab9-7e84-49b9-ee0c-925ace8f79c5'),
	(3, 3, '1ae463ab-fc82-742a-83b0-0237f72eaf78');
INSERT INTO public.invoice_files VALUES
	(1, 'sftp://test:22/.', 'a.xml', 1, false, 'a.xml', NULL, 902, '2025-07-01 00:02:00+00', 'feb1be0af306e57fcbf78fa376df1addeb0edfefb47369059026601be6aac3b7', '2025-07-01 00:01:00+00', 'loaded', 1, NULL, NULL, NULL, NULL, NULL, '[]', 'run-1', '0.0.test', '599999993', '2025-07-01', 3, 4, 3, 0.00, 10.00, 3, 0.00, 10.00, '{"owner": "claim-98fc6c4dfddd", "customers": 1, "written_lines": 4, "written_invoices": 3}', '2026-11-27 05:42:47.273045+00', '2026-11-27 05:42:47.292686+00', NULL),
	(2, 'sftp://test:22/.', 'a.xml', 2, true, 'a.xml', NULL, 902, '2025-07-01 00:02:00+00', '62f33c8e18ed970e9db5678ac56bd38a2630457ea54a005db54b8a5fc2d03658', '2025-07-01 00:02:00+00', 'loaded', 1, NULL, NULL, NULL, NULL, NULL, '[]', 'run-1', '0.0.test', '599999993', '2025-07-01', 2, 2, 2, 0.00, 10.00, 2, 0.00, 10.00, '{"owner": "claim-99270c489c3f", "customers": 1, "written_lines": 1, "written_invoices": 1}', '2026-11-27 05:42:47.311682+00', '2026-11-27 05:42:47.313469+00', NULL),
	(3, 'sftp://test:22/.', 'copy.xml', 1, true, 'copy.xml', NULL, 1188, '2025-07-01 00:01:00+00', 'feb1be0af306e57fcbf78fa376df1addeb0edfefb47369059026601be6aac3b7', '2025-07-01 00:01:00+00', 'loaded', 1, NULL, NULL, NULL, NULL, NULL, '[]', 'run-1', '0.0.test', '599999993', '2025-07-01', 3, 4, 3, 0.00, 10.00, 3, 0.00, 10.00, '{"owner": "claim-1f84c1feecc7", "customers": 1, "written_lines": 0, "written_invoices": 0}', '2026-11-27 05:42:47.319101+00', '2026-11-27 05:42:47.322915+00', '2026-11-27 05:42:47.325942+00'),
	(4, 'sftp://test:22/.', 'broken.xml', 1, true, 'broken.xml', NULL, 242, '2025-07-01 00:03:00+00', NULL, NULL, 'failed', 1, NULL, NULL, NULL, NULL, 'line 3: not well-formed', '[]', 'run-2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-27 05:42:47.326735+00', NULL, NULL),
	(5, 'sftp://test:22/.', 'waits.xml', 1, true, 'waits.xml', NULL, 241, '2025-07-01 00:04:00+00', NULL, NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-27 05:42:47.330784+00', NULL, NULL),
	(6, 'sftp://test:22/.', 'running.xml', 1, true, 'running.xml', NULL, 243, '2025-07-01 00:05:00+00', NULL, NULL, 'running', 1, NULL, 'claim-old', 'pending', '2026-11-27 05:42:48.334368+00', NULL, '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-27 05:42:47.332703+00', NULL, NULL);
INSERT INTO public.invoice_lines VALUES
	(2, 1, NULL, NULL, 'Linha 1', NULL, NULL, NULL, NULL, NULL, NULL, 10.00, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(3, 1, NULL, NULL, 'Linha 1', NULL, NULL, NULL, NULL, NULL, 4.00, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'FT A/2', NULL),
	(1, 1, NULL, NULL, 'Linha 1', NULL, NULL, NULL, NULL, NULL, NULL, 7.00, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.invoices VALUES
	(2, '599999993', 'FT A/2', NULL, NULL, NULL, NULL, NULL, '2025-07-01', 'FT', 'N', '2025-07-01 09:00:00', NULL, NULL, NULL, 'C1', NULL, 10.00, NULL, NULL, NULL, NULL, NULL, 1, 'f40e4ab9-7e84-49b9-ee0c-925ace8f79c5', '2026-11-27 05:42:47.292686+00'),
	(3, '599999993', 'NC A/1', NULL, NULL, NULL, NULL, NULL, '2025-07-01', 'NC', 'N', '2025-07-01 09:00:00', NULL, NULL, NULL, 'C1', NULL, 4.00, NULL, NULL, NULL, NULL, NULL, 1, '1ae463ab-fc82-742a-83b0-0237f72eaf78', '2026-11-27 05:42:47.292686+00'),
	(1, '599999993', 'FT A/1', NULL, NULL, NULL, NULL, NULL, '2025-07-01', 'FT', 'N', '2025-07-02 09:00:00', NULL, NULL, NULL, 'C1', NULL, 7.00, NULL, NULL, NULL, NULL, NULL, 1, '27c2b7e3-53c3-8549-b468-64e6deaa89a9', '2026-11-27 05:42:47.313469+00');
INSERT INTO saft.alerts VALUES
	('mail', 'file 4', '2026-11-27 05:42:47.353824+00');
INSERT INTO saft.counters VALUES
	('sftp_requests', 7);
INSERT INTO saft.migrations VALUES
	('20261124090000', 'tables', '2026-11-27 05:42:47.123774+00'),
	('20261124090100', 'staging', '2026-11-27 05:42:47.123774+00'),
	('20261124090200', 'publish_rows', '2026-11-27 05:42:47.123774+00'),
	('20261124090300', 'publish', '2026-11-27 05:42:47.123774+00'),
	('20261124090400', 'listing', '2026-11-27 05:42:47.123774+00'),
	('20261124090410', 'ledger', '2026-11-27 05:42:47.123774+00'),
	('20261124090500', 'reading', '2026-11-27 05:42:47.123774+00'),
	('20261124090600', 'comments', '2026-11-27 05:42:47.123774+00'),
	('20261124090700', 'rights', '2026-11-27 05:42:47.123774+00'),
	('20261124091000', 'operations', '2026-11-27 05:42:47.123774+00'),
	('20261124092000', 'reports', '2026-11-27 05:42:47.123774+00'),
	('20261124093000', 'upkeep', '2026-11-27 05:42:47.123774+00'),
	('20261124094000', 'alerts', '2026-11-27 05:42:47.123774+00'),
	('20261124094100', 'retention', '2026-11-27 05:42:47.123774+00');
SELECT pg_catalog.setval('public.invoice_files_id_seq', 6, true);
SELECT pg_catalog.setval('public.invoices_id_seq', 3, true);
ALTER TABLE ONLY public.companies
    ADD CONSTRAINT companies_pkey PRIMARY KEY (company_id);
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (company_id, customer_id);
ALTER TABLE ONLY public.invoice_file_links
    ADD CONSTRAINT invoice_file_links_pkey PRIMARY KEY (invoice_file_id, invoice_id);
ALTER TABLE ONLY public.invoice_files
    ADD CONSTRAINT invoice_files_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.invoice_files
    ADD CONSTRAINT invoice_files_source_path_version_key UNIQUE (source, path, version);
ALTER TABLE ONLY public.invoice_lines
    ADD CONSTRAINT invoice_lines_pkey PRIMARY KEY (invoice_id, line_number);
ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_company_id_invoice_no_key UNIQUE (company_id, invoice_no);
ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_pkey PRIMARY KEY (id);
ALTER TABLE ONLY saft.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (channel, matter);
ALTER TABLE ONLY saft.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (name);
ALTER TABLE ONLY saft.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY saft.staging_batches
    ADD CONSTRAINT staging_batches_pkey PRIMARY KEY (attempt, number);
ALTER TABLE ONLY saft.staging_files
    ADD CONSTRAINT staging_files_pkey PRIMARY KEY (ledger_id);
ALTER TABLE ONLY saft.staging_links
    ADD CONSTRAINT staging_links_pkey PRIMARY KEY (ledger_id, seq);
CREATE INDEX customers_customer_tax_id ON public.customers USING btree (customer_tax_id);
CREATE INDEX invoice_file_links_invoice_id ON public.invoice_file_links USING btree (invoice_id);
CREATE INDEX invoice_files_claimed_by ON public.invoice_files USING btree (claimed_by) WHERE (claimed_by IS NOT NULL);
CREATE INDEX invoice_files_company_id ON public.invoice_files USING btree (company_id);
CREATE UNIQUE INDEX invoice_files_current ON public.invoice_files USING btree (source, path) WHERE is_current;
CREATE INDEX invoice_files_key ON public.invoice_files USING btree ("left"(md5(((source || ' '::text) || path)), 12));
CREATE INDEX invoice_files_on_server ON public.invoice_files USING btree (source, id) WHERE (is_current AND (status = 'loaded'::text) AND (departed_at IS NULL));
CREATE INDEX invoice_files_open ON public.invoice_files USING btree (modified_at, id) WHERE (is_current AND (status <> 'loaded'::text));
CREATE INDEX invoice_files_run_id ON public.invoice_files USING btree (run_id);
CREATE INDEX invoice_files_sha256 ON public.invoice_files USING btree (sha256) WHERE (sha256 IS NOT NULL);
CREATE INDEX invoice_lines_reference ON public.invoice_lines USING btree (reference) WHERE (reference IS NOT NULL);
CREATE INDEX invoices_customer_id ON public.invoices USING btree (customer_id, company_id);
CREATE INDEX invoices_invoice_date ON public.invoices USING btree (invoice_date, company_id);
CREATE INDEX staging_companies_file ON saft.staging_companies USING btree (ledger_id);
CREATE INDEX staging_customers_file ON saft.staging_customers USING btree (ledger_id);
CREATE INDEX staging_invoice_lines_place ON saft.staging_invoice_lines USING btree (ledger_id, seq);
CREATE INDEX staging_invoices_place ON saft.staging_invoices USING btree (ledger_id, seq);
CREATE TRIGGER delete_lines_and_links AFTER DELETE ON public.invoices REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION saft.delete_of_invoices();
CREATE TRIGGER delete_links AFTER DELETE ON public.invoice_files REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION saft.delete_of_files();
ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(company_id) ON UPDATE CASCADE;
ALTER TABLE ONLY public.invoice_files
    ADD CONSTRAINT invoice_files_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(company_id) ON UPDATE CASCADE;
ALTER TABLE ONLY public.invoices
    ADD CONSTRAINT invoices_company_id_fkey FOREIGN KEY (company_id) REFERENCES public.companies(company_id) ON UPDATE CASCADE;
ALTER TABLE public.companies ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.invoice_file_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.invoice_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.invoice_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.invoices ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON FUNCTION public.saft_backlog(source text, incomplete_seconds double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_claim(owner text, lease_seconds double precision, source text, "limit" integer, ids bigint[], max_attempts integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_claimed(owner text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_companies() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_company_totals() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_count(counts jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_counts(source text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_departed(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_expired_owners(source text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_fail(owner text, failures jsonb, run_id text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_figures(bounds double precision[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_files(source text, state text, path text, keys text[], ids bigint[], run_id text, "limit" integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_hand_over(owner text, parts jsonb, lease_seconds double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_observe(source text, listed text, whole boolean, age_seconds double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_open_keys() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_page(state text, path text, before bigint, "limit" integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_publish(owner text, publications jsonb, run_id text, saft_version text, staged jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_recent_hashes(hashes text[], since timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_release(owner text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_renew(owner text, lease_seconds double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_report_files(start_date date, end_date date) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_report_sales(company_id text, start_date date, end_date date) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_report_vat(company_id text, start_date date, end_date date) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_retry(paths text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_rights() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_rows(table_name text, keys text[], ids bigint[], after text[], "limit" bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_run_files(run_ids text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_schema_version() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_settle(owner text, contents jsonb, saft_version text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_stage(owner text, ids bigint[], attempt uuid, number integer, table_name text, batch text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_told(channel text, matters text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_uncleared(source text, grace_seconds double precision, "limit" integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.saft_untold(channel text, source text, pending_seconds double precision, incomplete_seconds double precision, silent_seconds double precision, others text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.clear_abandoned() FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.clear_staging(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.close_to_others() FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.conditions(source text, pending_seconds double precision, incomplete_seconds double precision, silent_seconds double precision) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.conflict(invoice_no text, our_date date, our_hash text, their_date date, their_hash text) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.copy_rows(batch text) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.delete_of_files() FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.delete_of_invoices() FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.ledger_row(file public.invoice_files) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.listing(listed text) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.new_version(old public.invoice_files, sha256 text, size bigint, modified_at timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.note_gone(source text, paths text[], began timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_changed(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_companies(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_customers(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_decide(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_heads(owner text, publications jsonb, has_lines boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_hold(owner text, publications jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_invoices(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_judge(owner text, publications jsonb, has_lines boolean) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_ledger(ids bigint[], owner text, run text, program text) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_lines(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_links(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_lock(ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_outcomes(publications jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.publish_tails(owner text, publications jsonb, run_id text, saft_version text, copied bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.stage(table_name text, batch text, ids bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION saft.unescaped(value text) FROM PUBLIC;
