"""Each kind of kill -9 once: `scripts/soak kill-nine` for seconds."""

import pytest

import kill_nine

pytestmark = pytest.mark.long


def test_each_kind_of_kill_costs_nothing_that_was_persisted(own_site):
    figures = kill_nine.run(own_site, cycles=len(kill_nine.KINDS), seed=9)
    assert figures.wrong == []
    assert len(figures.kills) == len(kill_nine.KINDS)
    assert figures.persisted > 50 and figures.uploaded > 10 and figures.gaps > 0
