"""Reading SAF-T (PT) files, versions 1.00 to 1.04_01; knows nothing of Dagster."""
