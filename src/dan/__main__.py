"""`python -m dan`."""

from dan.cli.main import main

main()
