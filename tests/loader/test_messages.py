"""The dynamic loader's words, as its user has to read them."""

from __future__ import annotations

import pytest

from nativeplug.loader.messages import cannot_load, in_users_words


class TestWords:
    """The loader's words are made to speak of the user's file."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("/proc/self/fd/7: no", "user.so: no"),
            ("needed by /proc/self/fd/7)", "needed by user.so)"),
            ("/proc/self/fd/77: no", "/proc/self/fd/77: no"),
        ],
    )
    def test_name(self, text: str, expected: str) -> None:
        """The copy's name becomes the user's path; names that begin alike stay."""
        assert expected == in_users_words(text, "/proc/self/fd/7", "user.so")

    def test_no_name(self) -> None:
        """Words about an object without a name are left as they are."""
        assert "no" == in_users_words("no", "", "user.so")

    def test_path_is_text(self) -> None:
        """A path with backslashes is no pattern."""
        assert r"a\1b: no" == in_users_words("x: no", "x", r"a\1b")


class TestErrors:
    """The errors that carry the words."""

    def test_words(self) -> None:
        """The words are the reason, and stand in the message."""
        error = cannot_load("user.so", "no")
        assert ("cannot open plugin 'user.so': no", "no") == (str(error), error.reason)

    def test_advice(self) -> None:
        """Where the room for thread-local variables is used up, the message says what helps."""
        error = cannot_load("user.so", "user.so: cannot allocate memory in static TLS block")
        advice = "; raise it with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384, restart"
        assert advice in str(error)
