"""Cameras that misbehave by turns cost those beside them nothing: `scripts/soak misbehaving-hour` for seconds."""

import pytest

import misbehaving_hour


@pytest.fixture(scope="module")
def figures(site):
    return misbehaving_hour.run(site, seconds=24, healthy_count=14, misbehaving_count=4, turn_seconds=3, seed=20)


def test_cameras_that_misbehave_cost_those_beside_them_nothing(figures):
    assert figures.faults() == []
    assert all(one.stored == one.sent >= 24 * 25 for one in figures.healthy)


def test_they_misbehave_in_many_ways(figures):
    assert len(figures.turns) >= 20
    assert sum(figures.turns.values()) >= 32


def test_a_picture_that_is_not_there_would_be_noticed(figures, site):
    one = figures.healthy[0]
    agent = site.agent()
    files = [path for path in agent.media_files() if path.parent.name.startswith(f"{one.name}.")]
    data = files[-1].read_bytes()
    damaged = data.replace(f"{one.name}:{one.sent // 2}\x80".encode("latin-1"), f"{one.name}:{0:0{len(str(one.sent // 2))}}\x80".encode("latin-1"))
    assert damaged != data
    files[-1].write_bytes(damaged)
    again = misbehaving_hour.compared(agent, one.name, one.sent, 1)
    assert again.wrong[0] == f"picture 0 comes where {one.sent // 2} should"
