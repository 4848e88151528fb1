-- What keeps questions as quick in a large ledger as in a small one.

-- Counts of the ledger, as changes that are added up: nobody who writes files waits for another.
create table saft.ledger_counts (
    source text not null,
    name text not null,
    value numeric not null,
    newest timestamptz
);

comment on table saft.ledger_counts is
    'Files by state and what was loaded so far, as changes to be added up by source and name.';

lock table public.invoice_files in share row exclusive mode;

insert into saft.ledger_counts (source, name, value, newest)
select f.source, f.status, count(*), max(f.first_seen_at)
from public.invoice_files f
where f.is_current
group by 1, 2
union all
select f.source, t.name, sum(t.value), null
from public.invoice_files f
cross join lateral (values
    ('total_files', 1),
    ('total_bytes', f.size),
    ('total_customers', coalesce((f.publication ->> 'customers')::bigint, 0)),
    ('total_invoices', coalesce(f.total_invoices, 0)),
    ('total_invoice_lines', coalesce(f.total_lines, 0)),
    ('total_wait_seconds', extract(epoch from f.loaded_at - f.first_seen_at)),
    ('waits_' || width_bucket(extract(epoch from f.loaded_at - f.first_seen_at)::float,
        '{1,5,15,60,300,900,3600,14400,86400}'::float[]), 1)
) t(name, value)
where f.loaded_at is not null
group by 1, 2
union all
select f.source, 'total_calls', count(distinct f.loaded_at), null
from public.invoice_files f
where f.loaded_at is not null
group by 1;

-- A company's documents of a period, for the reports. Its condition keeps publishing, which asks for
-- no date, from looking up numbers by it: a planner that knows little could take it.
create index invoices_period on public.invoices (company_id, invoice_date)
    where invoice_date is not null;

-- The ledger grows at its end, so that times of first sight lie together.
create index invoice_files_first_seen_at on public.invoice_files using brin (first_seen_at)
    with (pages_per_range = 32, autosummarize = on);

insert into saft.migrations (version, name) values ('20261127081000', 'growth');
