"""SAF-T (PT) invoices from an SFTP folder into Supabase, as Dagster assets."""

__version__ = "0.2.0"
