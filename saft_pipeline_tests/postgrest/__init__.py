"""A stand-in for PostgREST, for tests only: Supabase's `/rest/v1` over a real Postgres.

PostgREST can't be installed where these tests run. This package serves what the product and who
reads its tables send by supabase-py: calls of functions, and reads of whole tables and views. It
follows the documentation and the published source of PostgREST 14 and the defaults of a Supabase
project: the SQL (the body is one parameter of one statement), the transaction a request with its
role, settings and access mode, the schema cache, the 1,000 rows a read, the error bodies. Postgres
does the work, so that types, rights, constraints and time limits are real.

It is not PostgREST, and a test that passes here can still fail there. What is known to differ:

- Signatures of tokens aren't verified, nor when they end. A key decides the role, see `keys`.
- Not served, and refused with PGRST127: writing to tables, and reading a part of one. Functions are
  called by POST alone; those that return rows, or have OUT parameters, aren't seen. One schema is
  exposed, and hints are left out.
- Supabase loads safeupdate for the API: an update or delete without a WHERE is refused inside
  functions. Here it isn't.
- Supabase reloads the schema cache by itself after DDL. Here only `notify pgrst` does.
- The gateway in front of PostgREST, its 60 s, its longest URL and body, and its error pages are
  only what `faults` plays.
"""
