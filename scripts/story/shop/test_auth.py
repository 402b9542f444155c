"""The tests of who may come in."""

import unittest

from auth import allowed


class Allowed(unittest.TestCase):
    """What holds of a token."""

    def test_the_right_token_is_let_in(self) -> None:
        self.assertTrue(allowed("ana", "9f86d081884c7d65"))

    def test_a_wrong_token_is_not(self) -> None:
        self.assertFalse(allowed("ana", "0000000000000000"))

    def test_a_stranger_is_not(self) -> None:
        self.assertFalse(allowed("eve", "9f86d081884c7d65"))


if __name__ == "__main__":
    unittest.main()
