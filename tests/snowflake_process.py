"""fakesnow's HTTP server, with an application of ours around it, as a process: give it a port.

The application

- keeps every statement it is sent, for tests to read, and the logins, without their secrets;
- fails statements as it is told: :class:`snowflake_server.Fault`;
- carries out one statement of a session at a time: Snowflake takes several, fakesnow would mix up
  their results;
- carries out ``REMOVE``, which fakesnow does not know;
- ends sessions that clients close, and rolls back what they had open: the client only closes one
  that has a master token, which fakesnow does not give.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvicorn
from fakesnow.server import app, sessions
from fakesnow.transforms import stage

HEADER = re.compile(r'token="([^"]*)"', re.IGNORECASE)


class Application:
    """fakesnow's application, with ours around it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._faults: list[dict[str, Any]] = []
        self._seen: list[int] = []
        self._statements: list[str] = []
        self._logins: list[dict[str, Any]] = []
        self._locks: dict[str, asyncio.Lock] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        body = await _body(receive)
        path = scope["path"]
        if path.startswith("/test/"):
            await _answer(send, 200, self._control(path, body))
        elif path == "/session/v1/login-request":
            await self._login(scope, body, send)
        elif path == "/session":
            session = sessions.get(_token(scope))
            await self._inner(scope, _replay(body), send)
            if session is not None and b"delete=true" in scope["query_string"]:
                session.close()
        elif path == "/queries/v1/query-request":
            async with self._locks.setdefault(_token(scope), asyncio.Lock()):
                await self._query(scope, body, send)
        else:
            await self._inner(scope, _replay(body), send)

    def _control(self, path: str, body: bytes) -> Any:
        if path == "/test/faults":
            self._faults = json.loads(body)
            self._seen = [0] * len(self._faults)
            self._statements = []
        if path == "/test/sessions":
            for token in list(sessions):
                if not self._locks.setdefault(token, asyncio.Lock()).locked():
                    _end(token)
            return len(sessions)
        return self._logins if path == "/test/logins" else self._statements

    async def _login(self, scope: Any, body: bytes, send: Any) -> None:
        data = json.loads(_plain(scope, body))["data"]
        query = scope["query_string"].decode()
        kept = ("LOGIN_NAME", "AUTHENTICATOR", "SESSION_PARAMETERS", "CLIENT_ENVIRONMENT")
        given = [name for name in ("PASSWORD", "TOKEN") if data.get(name)]
        login = {name: data.get(name) for name in kept}
        self._logins.append({**login, "given": given, "query": query})
        if data.get("PASSWORD") == "wrong":
            refusal = {"success": False, "code": "390100", "message": "Incorrect", "data": {}}
            await _answer(send, 200, refusal)
            return
        # Without a master token the client does not end its sessions.
        answer = json.loads(await _answered(self._inner, scope, body))
        answer["data"]["masterToken"] = "invented"
        await _answer(send, 200, answer)

    async def _query(self, scope: Any, body: bytes, send: Any) -> None:
        sql = json.loads(_plain(scope, body))["sqlText"]
        fault = self._fault(sql)
        how = fault.get("how")
        self._statements.append(sql)
        if how == "before":
            await _cut(send)
        elif how == "unavailable":
            await _answer(send, 503, {})
        elif how == "session":
            _end(_token(scope))
            gone = {"success": False, "code": "390111", "message": "Session no longer exists."}
            await _answer(send, 200, {**gone, "data": {}})
        elif how == "refuse":
            refusal = {"success": False, "code": "100183", "message": "row 'secret' refused"}
            await _answer(send, 200, {**refusal, "data": {"sqlState": "P0000"}})
        elif how == "killed":
            os.kill(fault["pid"], signal.SIGKILL)
            await self._run(sql, scope, body, _nowhere)
        elif how in {"after", "late"}:
            await self._run(sql, scope, body, _nowhere)
            await asyncio.sleep(fault["seconds"] if how == "late" else 0)
            await _cut(send)
        else:
            if how == "slow":
                await asyncio.sleep(fault["seconds"])
            await self._run(sql, scope, body, send)

    def _fault(self, sql: str) -> dict[str, Any]:
        for number, fault in enumerate(self._faults):
            if re.search(fault["matching"], sql):
                place, self._seen[number] = self._seen[number], self._seen[number] + 1
                if place == fault["at"] or (fault["lasting"] and place > fault["at"]):
                    return fault
        return {}

    async def _run(self, sql: str, scope: Any, body: bytes, send: Any) -> None:
        if match := re.fullmatch(r"\s*REMOVE\s+@(\S+)\s*", sql, re.IGNORECASE):
            _remove(_token(scope), match[1])
            sql = "SELECT 'removed' AS \"name\""
            data = {**json.loads(_plain(scope, body)), "sqlText": sql}
            body = gzip.compress(json.dumps(data).encode())
        await self._inner(scope, _replay(body), send)


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _plain(scope: Any, body: bytes) -> bytes:
    zipped = (b"content-encoding", b"gzip") in scope["headers"]
    return gzip.decompress(body) if zipped else body


def _token(scope: Any) -> str:
    header = dict(scope["headers"]).get(b"authorization", b"").decode()
    match = HEADER.search(header)
    return match[1] if match else ""


async def _answer(send: Any, status: int, content: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


async def _cut(send: Any) -> None:
    # Less than was promised: the connection ends in the middle of the answer.
    headers = [(b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    message = "cut on purpose"
    raise ConnectionError(message)


async def _answered(inner: Any, scope: Any, body: bytes) -> bytes:
    parts: list[bytes] = []

    async def keep(message: dict[str, Any]) -> None:
        parts.append(message.get("body", b""))

    await inner(scope, _replay(body), keep)
    return b"".join(parts)


async def _nowhere(_message: Any) -> None:
    return


def _end(token: str) -> None:
    if (session := sessions.pop(token, None)) is not None:
        session.close()


def _remove(token: str, place: str) -> None:

    stage_name, _, path = place.partition("/")
    session = sessions[token]
    url = stage.internal_dir(f"{session.database}.{session.schema}.{stage_name.upper()}")
    folder = Path(stage.file_path(url)) / path
    shutil.rmtree(folder, ignore_errors=True)


class Server(uvicorn.Server):
    """Says so when it serves."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print("serving", flush=True)  # noqa: T201 - for who started the process


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        stage.LOCAL_BUCKET_PATH = folder
        configured = uvicorn.Config(Application(app), port=int(sys.argv[1]), log_level="critical")
        Server(configured).run()
