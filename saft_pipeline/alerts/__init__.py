"""Telling somebody: what a message says, and the ways it goes. Nothing here knows of Dagster."""
