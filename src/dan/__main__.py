"""`python -m dan`."""

from dan.cli import main

main()
