-- What the status page asks, as quickly of a large ledger as of a small one.

-- What was loaded in each hour, as changes to be added up.
create table saft.loaded_hours (
    source text not null,
    hour timestamptz not null,
    files bigint not null,
    invoices bigint not null,
    lines bigint not null
);

comment on table saft.loaded_hours is
    'Files, invoices and lines loaded in the hours of the last days, as changes to be added up.';

lock table public.invoice_files in share row exclusive mode;

insert into saft.loaded_hours (source, hour, files, invoices, lines)
select f.source, date_trunc('hour', f.loaded_at), count(*),
    coalesce(sum(f.total_invoices), 0), coalesce(sum(f.total_lines), 0)
from public.invoice_files f
where f.loaded_at > now() - interval '8 days'
group by 1, 2;

-- The few files that somebody should look at, among all that wait to be loaded.
create index invoice_files_attention on public.invoice_files (status, id)
    where is_current and status in ('failed', 'unreadable', 'gone', 'incomplete');

-- Files that are loaded and hold no invoice.
create index invoice_files_empty on public.invoice_files (id)
    where is_current and status = 'loaded' and total_invoices = 0;

insert into saft.migrations (version, name) values ('20261127094500', 'status');
