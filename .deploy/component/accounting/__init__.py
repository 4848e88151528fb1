"""A project with one component of saft_pipeline's."""
