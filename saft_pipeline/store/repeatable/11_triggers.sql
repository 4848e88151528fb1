-- What the triggers of invoices and invoice_files call: lines and links have no foreign keys.

create or replace function saft.delete_of_invoices() returns trigger
language plpgsql set search_path = ''
as $$
begin
    delete from public.invoice_lines where invoice_id in (select id from gone);
    delete from public.invoice_file_links where invoice_id in (select id from gone);
    return null;
end $$;

create or replace function saft.delete_of_files() returns trigger
language plpgsql set search_path = ''
as $$
begin
    delete from public.invoice_file_links where invoice_file_id in (select id from gone);
    return null;
end $$;
