"""`python -m vipalived`."""

from vipalived.cli.main import main

main()
