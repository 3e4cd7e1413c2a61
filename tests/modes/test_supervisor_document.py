"""docs/supervisor.md says what the code does."""

import pytest

from robotd.modes.daemon.document import DOCUMENT, MEANING, PARTS, filled
from robotd.modes.daemon.supervisor import State


def test_the_document_is_what_the_code_makes_of_it():
    text = DOCUMENT.read_text(encoding="utf-8")

    assert filled(text) == text, "run: python -m robotd.modes.daemon.document"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_differs_is_made_anew(part):
    text = DOCUMENT.read_text(encoding="utf-8")
    damaged = text.replace(PARTS[part](), "something else")

    assert damaged != text
    assert filled(damaged) == text


def test_a_document_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="picture"):
        filled("# Supervisor")


def test_every_state_has_its_meaning():
    assert set(MEANING) == set(State)
