"""Public challenges, reproduced as far as public labels allow: one small frame, a table row for each."""
