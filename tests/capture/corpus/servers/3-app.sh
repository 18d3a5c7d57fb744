cat > /srv/app.py <<'PYTHON'
import asyncio, http.server, json, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def chunks(self, kind, parts, pause=0.0):
        self.send_response(200); self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked"); self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part)); time.sleep(pause)
        self.wfile.write(b"0\r\n\r\n")
    def do_GET(self):
        if "chunked" in self.path: self.chunks("text/plain; charset=utf-8", [b"x" * 900] * 8)
        elif "events" in self.path: self.chunks("text/event-stream", [b"data: 1\n\n"] * 5, 0.01)
        elif "jsons" in self.path: self.chunks("application/json", [b"[1,", b"2]"])
        elif "close" in self.path:
            self.send_response(200); self.send_header("Content-Type", "text/html"); self.send_header("Connection", "close")
            self.end_headers(); self.wfile.write(b"<p>until the end</p>" * 400); self.close_connection = True
        else: self.answer(200, {"path": self.path})
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def body(self): return self.rfile.read(int(self.headers.get("Content-Length", 0)))
    def do_POST(self): self.answer(201, {"size": len(self.body())})
    def do_PUT(self): self.body(); self.send_response(204); self.end_headers()
    def do_DELETE(self): self.answer(200, {})
    def do_OPTIONS(self): self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    do_PATCH = do_POST
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
PYTHON
cat > /srv/echo.py <<'PYTHON'
import asyncio, websockets
async def echo(socket):
    async for message in socket: await socket.send(message)
async def main():
    async with websockets.serve(echo, "0.0.0.0", 8765): await asyncio.Future()
asyncio.run(main())
PYTHON
setsid python3 /srv/app.py >/dev/null 2>&1 &
setsid python3 /srv/echo.py >/dev/null 2>&1 &
