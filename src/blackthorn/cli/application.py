"""The application that commands are added to, each in a file of its own."""

from cyclopts import App

from .. import __version__

app = App(
    name="blackthorn",
    version=__version__,
    help="""Train, prune, attack, measure and ship neural networks: small, and still hard to fool.

Start with `blackthorn run quickstart`: in about a minute it trains, prunes and attacks a small network, and writes
a page that says what pruning did to accuracy, robustness, size and speed.

A recipe is an experiment in one YAML file. Running it again goes on where it stopped and repeats nothing.
""",
    help_format="markdown",
    # Words on a wrong command line are errors like any other: one line, exit code 2.
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
app.register_install_completion_command(
    help="Teach bash, zsh or fish to complete commands and options; a line in its startup file loads it."
)
