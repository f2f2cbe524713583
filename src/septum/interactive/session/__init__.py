"""The session that owns the layers: exact undo in bounded memory, files from which a crash loses nothing."""
