"""`python -m capyd`."""

from capyd.cli import main

main()
