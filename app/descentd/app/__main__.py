"""`python -m descentd.app`: the command line of the server."""

from descentd.app.server.cli import main

if __name__ == "__main__":
    main()
