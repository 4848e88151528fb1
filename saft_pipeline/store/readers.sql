-- Signed-in users of Supabase read the rows of their companies, and no others. Run it in the SQL
-- editor after `saft db sql` or `saft db migrate`; run again it does no more. Upgrades keep it.
begin;

do $check$
begin
    if to_regprocedure('auth.uid()') is null or to_regclass('auth.users') is null then
        raise exception 'this is for a project of Supabase: there is no auth.uid() and auth.users';
    end if;
    if to_regclass('public.invoices') is null or to_regclass('saft.migrations') is null then
        raise exception 'the tables are not made yet: run `saft db migrate`, or what `saft db sql` prints';
    end if;
end $check$;

create table if not exists public.company_readers (
    user_id uuid not null references auth.users (id) on delete cascade,
    company_id text not null,
    primary key (user_id, company_id)
);
comment on table public.company_readers is 'Which signed-in users read the rows of which companies.';
comment on column public.company_readers.user_id is 'auth.users.id.';
comment on column public.company_readers.company_id is 'companies.company_id, which may not be loaded yet.';

-- Each sees what he may read; only service_role and the owner say who may.
alter table public.company_readers enable row level security;
revoke all on public.company_readers from public, anon, authenticated;
grant select on public.company_readers to authenticated;
grant all on public.company_readers to service_role;
drop policy if exists own_rows on public.company_readers;
create policy own_rows on public.company_readers for select to authenticated
    using (user_id = (select auth.uid()));

{function}
revoke all on function saft.open_to_readers() from public, anon, authenticated;
select saft.open_to_readers();
notify pgrst, 'reload schema';

commit;

-- Let a user read a company, or all of them:
--   insert into public.company_readers (user_id, company_id)
--   select id, '500000000' from auth.users where email = 'ana@example.com';
--   insert into public.company_readers (user_id, company_id)
--   select u.id, c.company_id from auth.users u, public.companies c where u.email = 'ana@example.com'
--   on conflict do nothing;

-- A test: what one of them sees, by company.
begin;
select set_config('request.jwt.claims',
    json_build_object('sub', r.user_id, 'role', 'authenticated')::text, true)
from (select min(user_id::text) as user_id from public.company_readers) r;
set local role authenticated;
select company_id, count(*) as invoices, sum(signed_gross_total) as gross
from public.invoice_overview group by company_id;
rollback;
