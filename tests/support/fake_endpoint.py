#!/usr/bin/env python3
"""fake_endpoint.py PORT_FILE LOG - an OpenAI-compatible endpoint that answers by rule.

The model's name says how: "echo" repeats the user's last words, "code" answers with a block
of code, "json" with {"name": "Ana", "age": 3}, "reader" with the first line of the first
source beside the question, "liar" with what no source says, "busy" is so once and then like
echo, "broken" always fails, "cut" breaks off its stream, "slow" never ends. What it was asked goes
to LOG, a line of JSON each. Its port goes to PORT_FILE.
"""
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

busy = {"left": 1}


def answer(model, messages):
    if model == "code":
        return "Here:\n```python\nprint(1)\n```\nand\n```\ntwo\n```\n"
    if model == "json":
        return '{"name": "Ana", "age": 3}'
    if model == "reader":
        lines = [line[2:] for line in messages[-1]["content"].split("\n") if line.startswith("> ")]
        return lines[0] + " [1]" if lines else "No idea."
    if model == "liar":
        return "It is 77 km [1] or more [9]."
    return "You said: " + messages[-1]["content"]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def reply(self, status, tree, headers=()):
        body = json.dumps(tree).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(200, {"data": [{"id": "echo"}]})

    def event(self, tree):
        self.wfile.write(b"data: " + json.dumps(tree).encode() + b"\n\n")
        self.wfile.flush()

    def stream(self, text, model):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for i in range(0, len(text), 7):
            self.event({"choices": [{"index": 0, "delta": {"content": text[i : i + 7]}}]})
            if model == "cut" and i > 0:
                return
            while model == "slow":
                time.sleep(0.2)
                self.wfile.write(b": ping\n\n")
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 7, "completion_tokens": 5}
        self.event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(sys.argv[2], "a", encoding="utf-8") as log:
            key = self.headers.get("Authorization")
            log.write(json.dumps({"path": self.path, "key": key, "body": body}) + "\n")
        model = body["model"]
        if model == "broken":
            return self.reply(500, {"error": {"message": "out of luck"}})
        if model == "busy" and busy["left"] > 0:
            busy["left"] -= 1
            return self.reply(429, {"error": {"message": "later"}}, [("Retry-After", "1")])
        text = answer(model, body["messages"])
        if body.get("stream"):
            return self.stream(text, model)
        choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 5}
        return self.reply(200, {"choices": [choice], "usage": usage})


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(sys.argv[1] + ".tmp", "w", encoding="utf-8") as f:
    f.write(str(server.server_port))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
server.serve_forever()
