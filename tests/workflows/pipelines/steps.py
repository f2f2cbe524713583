"""A pipeline as text."""

TEXT = """
about = "nuclei"

[[step]]
do = "gaussian"
sigma_mm = 1.5

[[step]]
do = "otsu"

[[step]]
do = "fill-holes"

[[step]]
do = "keep-largest"
count = 2
"""
