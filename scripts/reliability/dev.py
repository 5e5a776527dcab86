"""`capyd dev` that starts at once again what was killed: a hundred kills in a row are no sign of a broken program."""

from capyd.cli.dev import dev
from capyd.dev import supervisor

if __name__ == "__main__":
    # By itself it rests longer with every restart, up to half a minute, until the program has run for as long.
    supervisor._LONGEST_DELAY_SECONDS = supervisor._FIRST_DELAY_SECONDS
    dev()
