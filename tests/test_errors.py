"""Messages are one line that a terminal can show, whatever is quoted in them."""

import pickle

import pytest

from blackthorn.errors import BlackthornError, DataError


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("plain 'Größe · 8/255'", "plain 'Größe · 8/255'"),
        ("a\nb\r\x1b[2J\u2028\ud800c", r"a\nb\r\x1b[2J\u2028\ud800c"),
        ("'" + "9" * 5000 + "' is no number", "'" + "9" * 199 + "... (5002 characters) is no number"),
    ],
)
def test_a_message_is_one_line_of_words_that_can_be_read(message: str, shown: str) -> None:
    assert str(BlackthornError(message)) == shown


def test_errors_travel_between_processes() -> None:
    again = pickle.loads(pickle.dumps(DataError("a\nb")))
    assert (type(again), str(again)) == (DataError, r"a\nb")
