-- Before the migrations of an upgrade, and again after them: remember what is granted to whom, and
-- drop functions, views and staging, which are then made anew. What somebody else's view or policy
-- is built on stays: it is replaced where it stands, or the upgrade fails and says what is in the way.
set local check_function_bodies = off;
do $clear$
declare
    thing record;
begin
    if to_regclass('saft.migrations') is null then
        return;  -- the tables are not made yet, or they are not ours
    end if;
    -- Migrations up to this one made functions and views themselves, and build on them.
    if not exists (select from saft.migrations where version = '20261124094100') then
        return;
    end if;
    execute $names$ {public_relations} $names$;

    create temporary table if not exists saft_grants on commit drop as
    with relation as (
        select c.oid, c.relacl, c.relowner, format('%I.%I', n.nspname, c.relname) as name,
            case c.relkind when 'S' then 'sequence' else 'table' end as kind
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'v', 'S') and (n.nspname = 'saft'
            or n.nspname = 'public' and c.relname = any(saft.public_relations()))
    ), granted as (
        select r.kind, r.name, null as attname, r.relowner as owner, a.*
        from relation r cross join aclexplode(r.relacl) a
        union all
        select r.kind, r.name, c.attname, r.relowner, a.*
        from relation r
        join pg_attribute c on c.attrelid = r.oid and not c.attisdropped
        cross join aclexplode(c.attacl) a
        union all
        select 'function', format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)),
            null, p.proowner, a.*
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        cross join aclexplode(p.proacl) a
        where n.nspname = 'saft' or n.nspname = 'public' and p.proname like 'saft\_%'
    )
    select g.kind, g.name,
        g.privilege_type || coalesce(' (' || quote_ident(g.attname) || ')', '') as privilege,
        case g.grantee when 0 then 'public' else g.grantee::regrole::text end as grantee,
        case when g.is_grantable then ' with grant option' else '' end as further
    from granted g
    where g.grantee <> g.owner;

    for thing in
        select p.oid, 'routine' as kind, p.oid::regprocedure::text as name
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where (n.nspname = 'saft' or n.nspname = 'public' and p.proname like 'saft\_%')
            and p.prorettype <> 'trigger'::regtype and p.proname <> 'public_relations'
        union all
        select c.oid, case c.relkind when 'v' then 'view' when 'c' then 'type' else 'table' end,
            c.oid::regclass::text
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'saft' and (c.relkind in ('v', 'c') or c.relkind = 'r' and c.relpersistence = 'u')
            or n.nspname = 'public' and c.relkind = 'v' and c.relname = any(saft.public_relations())
        order by 1 desc
    loop
        begin
            execute format('drop %s %s', thing.kind, thing.name);
        exception when dependent_objects_still_exist then
            null;
        end;
    end loop;
end $clear$;
