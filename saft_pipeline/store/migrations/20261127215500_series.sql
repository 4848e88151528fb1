-- What the check of continuity knows of each series since it looked last, so that it need not read
-- all invoices again: see 54_gaps.sql.
create table saft.series (
    company_id text not null,
    series text not null,
    numbers int8multirange not null,
    codes text[] not null,
    touched boolean not null default false,
    primary key (company_id, series)
);

comment on table saft.series is
    'Series of all invoices: their numbers, their validation codes, and what the present look met.';

-- One row: when it looked last, and how many invoices there were up to the newest one then.
create table saft.series_look (
    looked_at timestamptz not null,
    newest bigint not null,
    invoices bigint not null
);

insert into saft.migrations (version, name) values ('20261127215500', 'series');
