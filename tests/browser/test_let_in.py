"""Who is let in: the browser that opened the terminal's address, and nobody else."""

import threading
from html import escape
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Served, Tab
from vaelab.explorer.serve import PAGE


def test_a_server_that_comes_back_is_found_again(served: Served, tab: Tab) -> None:
    tab.open(served.address)
    tab.by("scrubber").fill("0")
    tab.until("vaelab.step === 0")
    served.stop()
    tab.until("vaelab.connected === false")
    assert "connection lost" in tab.page.inner_text("header")
    served.start()  # with other secrets
    tab.until("vaelab.locked !== null")
    assert "has been started anew since" in tab.by("locked").inner_text()
    tab.by("step-last").click()  # what was loaded can still be looked at
    tab.until("vaelab.step > 0")
    tab.by("scrubber").fill("0")
    tab.until("vaelab.step === 0 && location.hash.includes('step=0')")
    view = tab.get("location.hash")
    tab.page.reload()  # nothing can be loaded, but the page says what to do
    tab.until("Boolean(window.vaelab && vaelab.locked)")
    assert "This page has no key for its server" in tab.by("locked").inner_text()
    tab.by("new-address").fill("http://127.0.0.1/nothing")
    tab.by("open-address").click()
    assert "That is no address with a token" in tab.by("wrong-address").inner_text()
    tab.by("new-address").fill(served.address)
    tab.by("open-address").click()
    tab.until("Boolean(window.vaelab && vaelab.ready && vaelab.connected && vaelab.step === 0)")
    assert tab.get("location.hash") == view
    assert tab.page.url == f"http://127.0.0.1:{served.port}/{view}"
    assert tab.get("vaelab.locked") is None
    tab.errors.clear()


def test_keys_on_the_page_without_a_key_do_no_harm(served: Served, tab: Tab) -> None:
    thrown: list[str] = []
    tab.page.on("pageerror", lambda error: thrown.append(str(error)))
    tab.page.goto(f"http://127.0.0.1:{served.port}/#v=1&run=plain&depth=look")
    tab.until("Boolean(window.vaelab && vaelab.locked)")
    tab.by("locked").wait_for()
    for key in ("Tab", "Tab", "k", "m", "t", "Home", "+", "ArrowLeft", "Escape", "?", " "):
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(30)
    tab.page.set_viewport_size({"width": 900, "height": 700})
    tab.page.wait_for_timeout(200)
    assert thrown == []
    tab.errors.clear()  # the browser tells of the refusal


def test_one_address_opens_one_browser_and_all_its_tabs(
    served: Served, tab: Tab, browser: Any
) -> None:
    first = served.address
    tab.open(first)
    assert "key" not in tab.page.url
    assert served.address != first
    key = tab.get("localStorage.getItem('vaelab-key')")
    (cookie,) = tab.page.context.cookies()
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert len({key, cookie["value"], first.partition("=")[2]}) == 3
    tab.page.reload()
    tab.until("Boolean(window.vaelab && vaelab.ready)")

    second = Tab(tab.page.context.new_page()).open(f"http://127.0.0.1:{served.port}/")
    second.page.goto("about:blank")
    second.open(first)  # once more, out of the history: this browser has its key
    second.until("location.hash.startsWith('#v=1')")
    assert "key" not in second.page.url
    second.page.close()

    context = browser.new_context()
    stranger = Tab(context.new_page())
    stranger.page.goto(first)
    stranger.until("Boolean(window.vaelab && vaelab.locked)")
    assert "Each address works once" in stranger.by("locked").inner_text()
    other = context.new_page()  # another tab of that browser is let in: the first notices
    other.goto(served.address)
    stranger.until("Boolean(vaelab.ready)")
    context.close()


def test_the_file_that_a_browser_is_told_to_open_lets_it_in(
    served: Served, tab: Tab, tmp_path: Path
) -> None:
    path = tmp_path / "open.html"
    path.write_text(PAGE.format(address=escape(served.address)))
    tab.page.goto(path.as_uri())
    tab.page.wait_for_url(f"http://127.0.0.1:{served.port}/**")
    tab.until("Boolean(window.vaelab && vaelab.ready)")
    tab.until("location.hash.startsWith('#v=1')")
    assert "key" not in tab.page.url


def test_another_port_of_this_machine_gets_the_cookie_and_cannot_use_it(
    served: Served, tab: Tab
) -> None:
    heard: list[str] = []

    class Neighbour(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Cookie", ""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            pass

    neighbour = HTTPServer(("127.0.0.1", 0), Neighbour)
    threading.Thread(target=neighbour.serve_forever, daemon=True).start()
    tab.open(served.address)
    key = tab.get("localStorage.getItem('vaelab-key')")
    tab.page.goto(f"http://127.0.0.1:{neighbour.server_port}/")
    assert tab.get("localStorage.getItem('vaelab-key')") is None
    cookie = next(filter(None, heard))
    host = {"Host": f"127.0.0.1:{served.port}", "Cookie": cookie}
    statuses = []
    for headers in (host, {**host, "X-Vaelab": "1"}, {**host, "X-Vaelab": key}):
        connection = HTTPConnection("127.0.0.1", served.port)
        connection.request("GET", "/api/runs", headers=headers)
        statuses.append(connection.getresponse().status)
        connection.close()
    assert statuses == [403, 403, 200]
    neighbour.shutdown()
    neighbour.server_close()
    tab.errors.clear()


@pytest.mark.parametrize("kind", ["file", "zip"])
def test_the_page_is_given_away(served: Served, tab: Tab, kind: str) -> None:
    tab.open(served.address)
    tab.by("share").click()
    with tab.page.expect_download() as download:
        tab.by(f"export-{kind}").click()
    run = tab.get("vaelab.run")
    content = Path(download.value.path()).read_bytes()
    if kind == "file":
        assert download.value.suggested_filename == f"{run}.html"
        assert b'data-source="inline"' in content
    else:
        assert download.value.suggested_filename == f"{run}.zip"
        assert content[:2] == b"PK"


def test_another_page_can_neither_read_nor_drive(served: Served, tab: Tab) -> None:
    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>elsewhere</title>")

        def log_message(self, *words: Any) -> None:
            pass

    foreign = HTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=foreign.serve_forever, daemon=True).start()
    tab.open(served.address)  # the cookie is there
    tab.page.goto(f"http://127.0.0.1:{foreign.server_port}/")
    there = f"http://127.0.0.1:{served.port}"
    tried = {
        "read": f"fetch('{there}/api/runs', {{credentials: 'include'}}).then((r) => r.text())",
        "drive": f"fetch('{there}/api/training/start', {{method: 'POST', credentials: 'include', "
        "headers: {'Content-Type': 'application/json', 'X-Vaelab': '1'}, "
        "body: JSON.stringify({base: 'digits'})}).then((r) => r.text())",
        "listen": f"new Promise((yes, no) => {{ const s = new WebSocket('{there}/api/live'"
        ".replace('http', 'ws')); s.onopen = () => yes('open'); s.onerror = () => no('refused') })",
        "frame": f"new Promise((yes) => {{ const f = document.createElement('iframe'); "
        f"f.src = '{there}/'; f.onload = () => {{ try {{ yes(f.contentDocument.title) }} "
        "catch (e) { yes('refused') } }; document.body.append(f) })",
    }
    for name, script in tried.items():
        answer = tab.get(f"{script}.catch(() => 'refused')")
        assert answer in {"refused", None, ""}, name
    blind = (
        f"fetch('{there}/api/training/start', {{method: 'POST', mode: 'no-cors', "
        "credentials: 'include', body: '{\"base\": \"digits\"}'}).catch(() => 0)"
    )
    tab.get(f"{blind}.then(() => 0)")
    assert sorted(path.name for path in served.folder.iterdir()) == ["plain", "styles"]
    foreign.shutdown()
    foreign.server_close()
    tab.errors.clear()  # the browser tells of each refusal
