"""The web console in a real browser, at a real server with real hubs and cameras."""

import urllib.request

import pytest

import browsers


def get(url, **headers):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return opener.open(request, timeout=10)


def test_the_console_is_part_of_the_program_and_let_no_other_origin_in(site):
    with get(f"{site.server.url}/console") as answer:
        assert answer.url == f"{site.server.url}/console/"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        page = answer.read().decode()
    assert '<div id="root">' in page, "the program was built without the console; run scripts/build-console first"


@pytest.mark.timeout(330)
def test_streams_in_the_console(own_site):
    print(browsers.run("console-streams.test.mjs", own_site.server))
