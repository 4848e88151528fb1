-- New views are open to whom the others are open to.
select saft.open_to_readers();
