"""The command line: arguments, progress, messages and exit codes; the work is done in `septum.workflows`."""
