"""`python -m septum`: the command line where `septum` is not on the path, as on many a Windows machine."""

from septum.cli.main import main

if __name__ == "__main__":
    main()
