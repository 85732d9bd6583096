#!/usr/bin/env python3
"""mcp_server.py MODE [FILE] - a server of the Model Context Protocol for tests: of either
era, well-behaved or not. FILE: what has to outlive a crash, and what the client wrote."""
import json
import os
import sys
import time

MODE = sys.argv[1]
FILE = sys.argv[2] if len(sys.argv) > 2 else None
MODERN = MODE in ("modern", "slow", "dies", "input", "late-version")
META = "io.modelcontextprotocol/protocolVersion"


def put(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def note(text):
    with open(FILE, "a") as f:
        f.write(text + "\n")


def tool(name, **schema):
    return {"name": name, "description": "a tool\nnamed " + name,
            "inputSchema": {"type": "object", "properties": schema}}


def tools(cursor):
    if MODE == "pages":
        page = int(cursor or 0)
        out = {"tools": [tool("t%d" % page)]}
        if page < 2:
            out["nextCursor"] = str(page + 1)
        return out
    if MODE == "endless":
        return {"tools": [], "nextCursor": "again"}
    if MODE == "many":
        return {"tools": [tool("t%d" % i) for i in range(600)]}
    if MODE == "names":
        return {"tools": [tool("a.b/c"), tool("a_b_c"), {"name": "bare"}, {"x": 1}, 3,
                          {"name": "list", "inputSchema": {"type": "array"}},
                          tool("x" * 100)]}
    return {"tools": [tool("echo", text={"type": "string"}), tool("other")]}


def call(params):
    text = params["arguments"].get("text", "")
    if MODE == "error":
        return None, {"code": -32602, "message": "no such thing"}
    out = {"content": [{"type": "text", "text": "%s %s" % (params["name"], text)}]}
    if MODE == "iserror":
        out["isError"] = True
    if MODE == "kinds":
        out = {"content": [
            {"type": "text", "text": "one"},
            {"type": "image", "mimeType": "image/png", "data": "AAAA"},
            {"type": "resource_link", "uri": "file:///x"},
            {"type": "resource", "resource": {"uri": "x", "text": "two"}},
            {"type": "new"}, 5]}
    if MODE == "structured":
        out = {"content": [], "structuredContent": {"n": 1}}
    if MODE == "input":
        out = {"resultType": "input_required", "inputRequests": {}}
    elif MODERN:
        out["resultType"] = "complete"
    return out, None


def answer(request):
    method, params = request["method"], request.get("params") or {}
    if MODERN:
        version = params.get("_meta", {}).get(META)
        if version != "2026-07-28" or "_meta" not in params:
            return None, {"code": -32022, "message": "unsupported",
                          "data": {"supported": ["2026-07-28"], "requested": version}}
        if method == "server/discover":
            if MODE == "slow":
                time.sleep(1)
            if MODE == "late-version":
                return None, {"code": -32022, "message": "unsupported",
                              "data": {"supported": ["2026-07-28"], "requested": version}}
            return {"resultType": "complete", "supportedVersions": ["2026-07-28"],
                    "capabilities": {"tools": {}}}, None
    elif method == "initialize":
        version = {"old": "2024-11-05", "unknown": "1999-01-01"}.get(MODE, "2025-11-25")
        return {"protocolVersion": version, "capabilities": {"tools": {}},
                "serverInfo": {"name": "test", "version": "1"}}, None
    elif method == "server/discover" and MODE == "silent":
        return "nothing", None
    elif "_meta" in params and method != "server/discover":
        return None, {"code": -32602, "message": "meta"}
    if method == "tools/list":
        return tools(params.get("cursor")), None
    if method == "tools/call":
        return call(params)
    return None, {"code": -32601, "message": "unknown method"}


def misbehave(request):
    """What comes before the answer to a call."""
    if MODE == "chatter":
        sys.stdout.write("starting up...\n\n{]\n[1,2]\n\"x\"\n\xff\n")
        put({"jsonrpc": "2.0", "id": 9999, "result": {"content": []}})
        put({"jsonrpc": "2.0", "id": str(request["id"]), "result": {"content": []}})
        put({"jsonrpc": "2.0", "id": request["id"]})
        put({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
    if MODE == "flood":
        while True:
            sys.stdout.write('{"jsonrpc":"2.0","method":"notifications/message"}\n' * 1000)
    if MODE == "line":
        while True:
            sys.stdout.write("x" * 65536)
    if MODE == "never":
        while True:
            note(json.dumps(json.loads(sys.stdin.readline())))
    if MODE in ("dies", "dies-old"):
        note("call")
        if open(FILE).read().count("call") == 1:
            sys.stderr.write("a bug\n")
            os._exit(7)
    if MODE == "dies-always":
        os._exit(7)
    if MODE == "asks":
        put({"jsonrpc": "2.0", "id": "p", "method": "ping"})
        put({"jsonrpc": "2.0", "id": 77, "method": "sampling/createMessage", "params": {}})
        for _ in range(2):
            note(sys.stdin.readline().strip())


for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        if FILE:
            note(request["method"])
        continue
    if MODE == "strict" and request["method"] == "server/discover":
        os._exit(1)
    if request["method"] == "tools/call":
        misbehave(request)
    result, error = answer(request)
    if result == "nothing":
        continue
    out = {"jsonrpc": "2.0", "id": request["id"]}
    out.update({"error": error} if error else {"result": result})
    put(out)
    if MODE == "between" and request["method"] == "tools/call":
        os._exit(0)
