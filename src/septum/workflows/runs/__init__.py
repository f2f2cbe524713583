"""How any run behaves: settings, processes, provenance, hooks, files."""
