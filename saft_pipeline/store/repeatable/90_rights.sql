-- Who may do what. On Supabase new tables may be open to anyone who has the public key, so all is
-- taken from anon and authenticated, and given to service_role by name; row level security without
-- a policy closes the tables a second time. Elsewhere those roles don't exist, and nobody is told.

create or replace function saft.revoke_public() returns void
language plpgsql set search_path = ''
as $$
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
            or n.nspname = 'public' and c.relname = any(saft.public_relations()))
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

-- The newest migration that was applied, and the checksum of the functions and views, another if
-- some are gone: who writes over REST asks before anything else. Programs that know no checksum take it for a newer version.
create or replace function public.saft_schema_version() returns text
language sql stable set search_path = ''
as $$
    select max(m.version) || '.' || saft.repeatable_checksum()
        || case when saft.names_made_anew() <@ array(
            select n.nspname || '.' || o.name
            from pg_catalog.pg_namespace n join (
                select c.relnamespace, c.relname from pg_catalog.pg_class c
                union all select p.pronamespace, p.proname from pg_catalog.pg_proc p
            ) o(namespace, name) on o.namespace = n.oid
            where n.nspname in ('public', 'saft')
            union all select t.tgname from pg_catalog.pg_trigger t
        ) then '' else '_in_part' end
    from saft.migrations m
$$;

select saft.revoke_public();

-- What was granted before, here or to tables, is granted still.
do $$
declare
    kept record;
begin
    if to_regclass('pg_temp.saft_grants') is null then
        return;  -- the tables were made just now
    end if;
    for kept in
        select g.* from pg_temp.saft_grants g
        where case g.kind when 'function' then to_regprocedure(g.name)::oid
                          else to_regclass(g.name)::oid end is not null
    loop
        execute format('grant %s on %s %s to %s%s',
            kept.privilege, kept.kind, kept.name, kept.grantee, kept.further);
    end loop;
end $$;
