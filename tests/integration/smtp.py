"""A mail server for tests: it takes what it gets, with STARTTLS and a password where it is told to."""
import base64
import contextlib
import email
import email.policy
import socket
import ssl
import threading


class Smtp:
    """tls: ssl context for STARTTLS, None: not offered. password: (user, password) that is asked for. The port stays
    the same over stop and start."""

    def __init__(self, tls=None, password=None):
        self.tls, self.password, self.port = tls, password, 0
        self.mails, self.commands, self.refuse = [], [], None  # (recipient, message); lines; RCPT answer for all
        self.news, self.listener = threading.Condition(), None

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def reserve(self):
        """A port on which nobody answers until start."""
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.port = self.listener.getsockname()[1]
        self.listener.close()
        return self

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def to(self, address):
        return [m for a, m in self.mails if a == address]

    def wait(self, count, patience):
        with self.news:
            assert self.news.wait_for(lambda: len(self.mails) >= count, patience), (count, self.mails, self.commands)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            self._talk(connection)
        with contextlib.suppress(OSError):
            connection.close()

    def _talk(self, connection):
        stream, secure, rcpt = connection.makefile("rwb"), False, None

        def say(text):
            stream.write(text.encode() + b"\r\n")
            stream.flush()

        say("220 test")
        for raw in iter(lambda: stream.readline(), b""):  # STARTTLS makes it another stream
            line = raw.decode().rstrip("\r\n")
            verb = line.split(" ")[0].upper()
            self.commands.append((secure, line))
            if verb == "EHLO":
                offers = ["250-test"] + (["250-STARTTLS"] if self.tls and not secure else []) + (["250-AUTH PLAIN"] if self.password else [])
                say("\r\n".join(offers + ["250 8BITMIME"]))
            elif verb == "STARTTLS" and self.tls and not secure:
                say("220 go")
                connection = self.tls.wrap_socket(connection, server_side=True)
                stream, secure = connection.makefile("rwb"), True
            elif verb == "AUTH":
                word = line.split(" ")
                if len(word) < 3:
                    say("334 ")
                    word.append(stream.readline().decode().strip())
                user, password = base64.b64decode(word[2]).decode().split("\0")[1:]
                say("235 welcome" if (user, password) == self.password else "535 no")
            elif verb == "RCPT":
                rcpt = line.split("<")[1].split(">")[0]
                say(self.refuse or "250 ok")
            elif verb == "DATA":
                say("354 go on")
                self._take(rcpt, stream)
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def _take(self, rcpt, stream):
        lines = []
        for raw in iter(stream.readline, b".\r\n"):
            assert raw.endswith(b"\r\n")
            lines.append(raw[1:] if raw.startswith(b"..") else raw)
        with self.news:
            self.mails.append((rcpt, email.message_from_bytes(b"".join(lines), policy=email.policy.default)))
            self.news.notify_all()


def server_tls(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.pem_file)
    return context
