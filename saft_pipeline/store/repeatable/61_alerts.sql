-- The conditions of the ledger that hold now. A file waits since it was first seen, or loaded before,
-- or changed (by the server's clock, unless that is in the future). One that failed before was
-- sent then; while it is to be tried again by itself it counts as waiting. Whose a file is, is
-- said where there are several sources.
create or replace function saft.conditions(
    sources text[], pending_seconds double precision, incomplete_seconds double precision,
    silent_seconds double precision)
returns table (
    alert_key text, kind text, source text, subject text, reason text, seconds bigint)
language sql stable set search_path = ''
as $$
    with open as (
        select f.*, case when cardinality(sources) > 1 then f.source end as owner, extract(epoch from now() - greatest(
            f.first_seen_at, f.loaded_at, case when f.modified_at <= now() then f.modified_at end
        ))::bigint as age
        from public.invoice_files f
        where f.is_current and f.status <> 'loaded'
    ), waiting as (
        select o.owner, o.path, o.age, count(*) over () as files
        from open o
        where o.status = 'pending' and o.error is null
            or o.status = 'failed' and o.next_attempt_at is not null
        order by o.age desc
        limit 1
    ), newest as (
        select c.source, extract(epoch from now() - max(c.newest))::bigint as age
        from saft.ledger_counts c
        where c.source = any(sources)
        group by c.source
    )
    select 'file ' || o.id, o.status, o.owner, o.path, o.error, o.age
    from open o
    where o.status in ('gone', 'unreadable') or o.status = 'failed' and o.next_attempt_at is null
    union all
    select 'incomplete ' || o.id, o.status, o.owner, o.path, o.error, o.age
    from open o
    where o.status = 'incomplete' and o.age > incomplete_seconds
    union all
    select 'waiting', 'waiting', w.owner, w.path, w.files::text, w.age
    from waiting w
    where w.age > pending_seconds
    union all
    select case cardinality(sources) when 1 then 'silent' else 'silent ' || n.source end,
        'silent', null, n.source, null, n.age
    from newest n
    where n.age > silent_seconds
$$;

-- What `channel` was not sent: those conditions, the oldest of a kind first, and of `others`,
-- which are conditions that the ledger knows nothing of, the bare keys. A condition that no
-- longer holds is forgotten, so that it is sent when it comes back; a file is not forgotten
-- until it is loaded: it is one message a file, however often it is tried.
create or replace function public.saft_unsent(
    channel text, sources text[], pending_seconds double precision,
    incomplete_seconds double precision, silent_seconds double precision, others text[])
returns jsonb
language plpgsql
set search_path = '' set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
declare
    found jsonb;
begin
    select coalesce(jsonb_agg(jsonb_build_object(
            'alert_key', c.alert_key, 'kind', c.kind, 'source', c.source, 'subject', c.subject,
            'reason', c.reason, 'seconds', c.seconds)
        order by c.kind, c.seconds desc, c.subject, c.alert_key), '[]')
    into found
    from saft.conditions(sources, pending_seconds, incomplete_seconds, silent_seconds) c;

    found := found || coalesce((
        select jsonb_agg(jsonb_build_object('alert_key', o)) from unnest(others) o), '[]');

    delete from saft.alerts a
    where a.channel = channel and case
        when a.alert_key like 'file %' or a.alert_key like 'incomplete %' then exists (
            select from public.invoice_files f
            where f.id = split_part(a.alert_key, ' ', 2)::bigint
                and (f.status = 'loaded' or not f.is_current))
        else not exists (
            select from jsonb_array_elements(found) c where c ->> 'alert_key' = a.alert_key) end;

    return (
        select coalesce(jsonb_agg(c.one order by c.place), '[]')
        from jsonb_array_elements(found) with ordinality c(one, place)
        where not exists (
            select from saft.alerts a
            where a.channel = channel and a.alert_key = c.one ->> 'alert_key'));
end $$;

-- Note that `channel` was sent these alerts.
create or replace function public.saft_mark_sent(channel text, alert_keys text[]) returns void
language sql set search_path = ''
as $$
    insert into saft.alerts (channel, alert_key)
    select saft_mark_sent.channel, k from unnest(alert_keys) k
    on conflict do nothing
$$;
