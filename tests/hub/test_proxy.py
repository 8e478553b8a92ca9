"""Envoy as JupyterHub's proxy: whoever adds a route may send a browser there."""

from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path
from types import SimpleNamespace

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from drydock.embedded.instance import free_port
from drydock.hub.proxy import EnvoyProxy


class Who(RequestHandler):
    def initialize(self, name: str) -> None:
        self.name = name

    def get(self) -> None:
        self.write(self.name)


def serve(name: str) -> str:
    socket, port = bind_unused_port()
    HTTPServer(Application([(".*", Who, {"name": name})])).add_socket(socket)
    return f"http://127.0.0.1:{port}"


async def everything(folder: Path) -> None:
    hub, public = SimpleNamespace(url=f"{serve('hub')}/hub/"), f"http://127.0.0.1:{free_port()}"
    proxy = EnvoyProxy(public_url=public, hub=hub, sockets=str(folder))
    folder.mkdir()
    names = [f"learner-{number}" for number in range(12)]

    async def ask(path: str) -> str:
        with await asyncio.to_thread(urllib.request.urlopen, f"{public}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    async def added(name: str) -> str:
        await proxy.add_route(f"/user/{name}", serve(name), {"user": name})
        return await ask(f"/user/{name}/lab")

    try:
        await proxy.start()
        await proxy.add_route("/", serve("hub"), {"hub": True})
        await proxy.add_route("/", (await proxy.get_all_routes())["/"]["target"], {"hub": True})
        assert await asyncio.gather(*map(added, names)) == names
        await asyncio.gather(*(proxy.delete_route(f"/user/{name}") for name in names[1:]))
        assert [await ask(f"/user/{name}/lab") for name in names[:2]] == [names[0], "hub"]
        proxy._process.kill()
        proxy._process.wait()
        await proxy._still_runs()
        assert await ask(f"/user/{names[0]}/lab") == names[0]
    finally:
        proxy.stop()
    assert not folder.exists()


def test_a_route_leads_there_once_it_is_added_however_many_come_at_once(tmp_path: Path) -> None:
    asyncio.run(everything(tmp_path / "sockets"))
