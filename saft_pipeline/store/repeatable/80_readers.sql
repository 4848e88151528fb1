-- Who may read the rows: signed-in users of Supabase those of their companies, once
-- `saft db sql --readers` was run there, and the role saft_reader, for programs such as Metabase,
-- Power BI and Grafana, all of them, once somebody made it.

-- Policies and grants for whichever of the two there is; run again it does no more. Views show who
-- looks at them only what he may read of the tables (security_invoker), and what views are built on
-- in the schema saft is granted with them. Writing stays with the program.
create or replace function saft.open_to_readers() returns void
language plpgsql set search_path = ''
as $$
declare
    thing record;
begin
    for thing in
        select r.rolname as reader, p.relation,
            case r.rolname when 'saft_reader' then 'true' else p.condition end as condition
        from pg_catalog.pg_roles r
        cross join (values
            ('companies', 'company_id in (
                select r.company_id from public.company_readers r
                where r.user_id = (select auth.uid()))'),
            ('customers', 'company_id in (
                select r.company_id from public.company_readers r
                where r.user_id = (select auth.uid()))'),
            ('invoices', 'company_id in (
                select r.company_id from public.company_readers r
                where r.user_id = (select auth.uid()))'),
            ('invoice_files', 'company_id in (
                select r.company_id from public.company_readers r
                where r.user_id = (select auth.uid()))'),
            -- Of the invoices that he may read: their own policy holds in here, too.
            ('invoice_lines', 'exists (
                select from public.invoices i where i.id = invoice_lines.invoice_id)'),
            ('invoice_file_links', 'exists (
                select from public.invoices i where i.id = invoice_file_links.invoice_id)')
        ) p(relation, condition)
        where r.rolname = 'saft_reader'
            or r.rolname = 'authenticated' and to_regclass('public.company_readers') is not null
    loop
        execute format('drop policy if exists %I on public.%I',
            thing.reader || '_reads', thing.relation);
        execute format('create policy %I on public.%I for select to %I using (%s)',
            thing.reader || '_reads', thing.relation, thing.reader, thing.condition);
        execute format('grant usage on schema saft to %I', thing.reader);
        execute format('grant select on saft.signed_documents, saft.document_taxes to %I', thing.reader);
        execute (
            select format('grant select on %s to %I',
                string_agg(format('public.%I', c.relname), ', '), thing.reader)
            from pg_catalog.pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
                and c.relname = any(saft.public_relations()));
    end loop;
end $$;
