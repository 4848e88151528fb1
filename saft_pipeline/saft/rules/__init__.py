"""Fiscal rules over the records of one file: what a tax inspector would ask about it."""
