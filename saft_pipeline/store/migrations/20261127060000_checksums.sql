-- What was applied, to the letter: null is what a program before this one applied.

alter table saft.migrations add column checksum text;
comment on column saft.migrations.checksum is 'SHA-256 of the file that was applied.';

insert into saft.migrations (version, name) values ('20261127060000', 'checksums');
