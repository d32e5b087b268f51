"""`python -m descent`: the command line."""

from descent.cli import main

main()
