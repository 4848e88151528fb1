"""A stand-in for PostgREST, for tests only: Supabase's `/rest/v1` over a real Postgres.

PostgREST can't be installed where these tests run. This package serves what the product and who
reads its tables send by supabase-py: calls of functions, and simple reads of tables and views. It
follows the documentation and the published source of PostgREST 14 and the defaults of a Supabase
project: the SQL (the body is one parameter of one statement), the transaction a request with its
role, settings and access mode, the schema cache, the 1,000 rows a read, the error bodies. Postgres
does the work, so that types, rights, constraints and time limits are real.

It is not PostgREST, and a test that passes here can still fail there. What is known to differ:

- Signatures of tokens aren't verified. A key decides the role, see `keys`.
- Not served, and refused with PGRST127 where a client could ask for it: writing to tables, counts,
  trees of conditions, renamed and cast columns, embedding, one object instead of rows. Functions
  are called by POST alone. One schema is exposed, and hints are left out.
- Supabase loads safeupdate for the API: an update or delete without a WHERE is refused inside
  functions. Here it isn't.
- Supabase reloads the schema cache by itself after DDL. Here only `notify pgrst` does.
- Parse errors (PGRST100) and hints have the codes and statuses of the real ones, not every word.
- The gateway in front of PostgREST, its 60 s, its longest URL and body, and its error pages are
  only what `faults` plays.
"""
