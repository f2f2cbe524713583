"""Single objects on files: masks split into objects, and a folder of objects measured."""
