-- What a listing said of a file, beside what reading it found; and whether its time may deceive.

alter table public.invoice_files add column listed_size bigint;
alter table public.invoice_files add column listed_modified_at timestamptz;
alter table public.invoice_files add column racy boolean not null default false;

comment on column public.invoice_files.listed_size is
    'Size as the last listing gave it, where that is known: listings are compared with it.';
comment on column public.invoice_files.listed_modified_at is
    'Time as the last listing gave it, where that is known.';
comment on column public.invoice_files.racy is
    'Its time is so near to when it was read that other bytes may bear it: it is looked at once more.';

create index invoice_files_racy on public.invoice_files (source, id) where racy;

insert into saft.migrations (version, name) values ('20261127091000', 'racy');
