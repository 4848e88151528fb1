-- What the report of files asks: the ledger by day, as quickly of many files as of few.

-- Current files by the day (UTC) that they were first seen. Changes stand beside what was added up.
create table saft.ledger_days (
    source text not null,
    day date not null,
    branch text,
    status text not null,
    files bigint not null,
    invoices bigint not null,
    lines bigint not null,
    size numeric not null,
    warned bigint not null,
    newest bigint not null,
    is_change boolean not null default true
);

comment on table saft.ledger_days is
    'Files by source, day, branch and state, with what they hold, as sums and changes to be added up.';

lock table public.invoice_files in share row exclusive mode;

insert into saft.ledger_days (source, day, branch, status, files, invoices, lines, size, warned,
    newest, is_change)
select f.source, (f.first_seen_at at time zone 'UTC')::date, f.branch, f.status, count(*),
    coalesce(sum(f.total_invoices), 0), coalesce(sum(f.total_lines), 0), sum(f.size),
    count(*) filter (where f.warnings <> '[]'), max(f.id), false
from public.invoice_files f
where f.is_current
group by 1, 2, 3, 4;

create index ledger_days_day on saft.ledger_days (day);
create index ledger_days_changes on saft.ledger_days (day) where is_change;

insert into saft.migrations (version, name) values ('20261127213000', 'ledger_days');
