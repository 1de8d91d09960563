"""A receiver of webhooks, for tests."""
import base64
import collections
import contextlib
import hashlib
import hmac
import http.server
import json
import socket
import threading

KEY = "a key of webhooks"


class Receiver:
    """An HTTP server whose port outlives it: kill() cuts it off in the midst of what it does, start() begins again."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda event: 200)
        self.events, self.first = [], collections.defaultdict(list)  # all that were taken; by id without repeats
        self.seen, self.wrong, self.calls, self.port = set(), [], 0, 0
        self.news = threading.Condition()
        self.start()

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(self.headers, body)
                if status == 0:  # hangs until it is killed
                    receiver.hang.wait()
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def setup(self):
                super().setup()
                receiver.sockets.append(self.connection)

            def handle(self):
                with contextlib.suppress(OSError, ValueError):
                    super().handle()

            def finish(self):
                with contextlib.suppress(OSError, ValueError):
                    super().finish()

            def log_message(self, *args):
                pass

        class Web(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 50

            def handle_error(self, *args):
                pass

        self.sockets, self.hang = [], threading.Event()
        self.http = Web(("127.0.0.1", self.port), Handler)
        self.port = self.http.server_port
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def kill(self):
        self.http.shutdown()
        self.http.server_close()
        self.hang.set()
        for s in list(self.sockets):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/webhook?token=secret-word"

    def take(self, headers, body):
        event = json.loads(body)
        with self.news:
            self.calls += 1
            signature = base64.b64encode(hmac.digest(KEY.encode(), body, hashlib.sha256)).decode()
            if headers.get("X-Hmac-Signature") != signature or headers.get("Content-Type") != "application/json; charset=utf-8":
                self.wrong.append(event)
            status = self.answer(event)
            if status == 200:
                self.keep(event)
            self.news.notify_all()
        return status

    def keep(self, event):
        self.events.append(event)
        told = event.get("checkin_event") or event.get("acknowledge_event") or {}
        if event["event_id"] not in self.seen:
            self.seen.add(event["event_id"])
            self.first[told.get("ids", {}).get("id")].append(event)

    def wait(self, condition, what):
        with self.news:
            assert self.news.wait_for(condition, 120), what() if callable(what) else what
