"""The folder of a workbench: cases, versions of their annotations, who works on what, models and what they predict."""
