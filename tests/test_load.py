"""A crowd on one server: `scripts/soak load` for seconds."""

import load


def test_slow_producers_silent_connections_and_players_beside_one_another_fail_nothing(own_site):
    crowd = load.Crowd(producers=40, idle=160, players=24)
    figures = load.run(own_site, crowd, seconds=10, warm_up_seconds=4)
    assert figures.errors == {}
    assert figures.persisted >= 40 * 5 and figures.playlists >= 24 * 4 and figures.segments >= 24 * 2
    files = [descriptors for _, _, descriptors in figures.samples]
    assert min(files) >= 40 + 24, "the crowd is not there"
