-- The names of sources in the ledger.

-- A source goes on under its new name with the files that the ledger has under the first former
-- name that it knows, unless it has files under the new one already; how many rows.
create or replace function public.saft_adopt(source text, former text[]) returns integer
language plpgsql set search_path = '' set statement_timeout = '60s'
as $$
#variable_conflict use_variable
declare
    old text;
    adopted integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('saft listing ' || source, 0));
    if exists (select from public.invoice_files f where f.source = source) then
        return 0;
    end if;
    foreach old in array former loop
        update public.invoice_files f set source = saft_adopt.source where f.source = old;
        get diagnostics adopted = row_count;
        if adopted > 0 then
            -- What was loaded so far is of the source, too; its states moved with the rows.
            update saft.ledger_counts c set source = saft_adopt.source where c.source = old;
            exit;
        end if;
    end loop;
    return adopted;
end $$;
