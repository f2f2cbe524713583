"""Scores of cases, the tables of them, and the report folder."""
