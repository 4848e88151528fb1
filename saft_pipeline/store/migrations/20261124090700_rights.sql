-- Who may do what. On Supabase new tables may be open to anyone who has the public key, so all is
-- taken from anon and authenticated, and given to service_role by name; row level security without
-- a policy closes the tables a second time. Elsewhere those roles don't exist, and nobody is told.

-- Every migration that makes something ends with a call of this.
create function saft.close_to_others() returns void
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

-- The newest migration that was applied: who writes over REST asks before anything else.
create function public.saft_schema_version() returns text
language sql stable set search_path = ''
as $$
    select max(version) from saft.migrations
$$;

select saft.close_to_others();

insert into saft.migrations (version, name) values ('20261124090700', 'rights');
