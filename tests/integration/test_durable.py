"""What is answered 2xx is on disk, and the record of an act with it: an interposed library sees a sync between the last
write of a request and its answer."""
import struct
import threading
import uuid

from harness import CA, Connection, Device, Server, plist, preload, push_cert

THREADS, ROUNDS = 4, 8
RECORD = struct.Struct("=c3xII")  # struct record of interpose.c


class Log:
    """The records of the library, in order."""

    def __init__(self, path):
        data, at, self.records = path.read_bytes(), 0, []
        while at < len(data):
            kind, port, n = RECORD.unpack_from(data, at)
            at += RECORD.size
            self.records.append((kind, port, data[at:at + n]))
            at += n

    def answers(self, port):
        """Where the answers of one connection stand, and their status."""
        return [(i, int(data[9:12])) for i, (kind, p, data) in enumerate(self.records) if kind == b"A" and p == port]

    def synced(self, marker):
        """Where the first transaction that wrote the marker was synced; None: it was not.

        One thread writes, a transaction at a time, and it is what syncs: the writes up to the next sync are of the marker's own."""
        writes = (i for i, (kind, _, data) in enumerate(self.records) if kind == b"W" and marker in data)
        first = next(writes, len(self.records))
        return next((i for i, (kind, _, _) in enumerate(self.records) if kind == b"S" and i > first), None)

    def is_durable(self, markers, answer):
        """Was all that marks a request written by one transaction, and that one synced before the answer left?"""
        syncs = {self.synced(m) for m in markers}
        return None not in syncs and len(syncs) == 1 and min(syncs) < answer


class Worker(threading.Thread):
    """One device and one operator; remembers what marks each of their requests in the database."""

    def __init__(self, server, ca, number):
        super().__init__()
        self.server, self.number, self.asked, self.error = server, number, {}, None
        self.device = Device(server, ca.identity(f"DURABLE-{number}", "ec"))
        self.device.connection = Connection(server.devices_address)
        self.admin = Connection(server.admin_address)

    def expect(self, connection, marker, answer):
        assert answer[0] == 200, (marker, answer)
        self.asked.setdefault(connection.port, []).append([marker])

    def enqueue(self, command):
        body = plist(CommandUUID=command, Command={"RequestType": "DeviceInformation"})
        return self.admin.request("PUT", f"/v1/enqueue/{self.device.udid}?nopush=1", body, {"Authorization": f"Bearer {self.server.token}"})

    def round(self, number):
        token = f"token-{self.number}-{number}-".encode().ljust(32, b"x")
        self.expect(self.device.connection, token, self.device.token_update(token))
        command = str(uuid.uuid4())
        self.expect(self.admin, command.encode(), self.enqueue(command))
        report = self.device.report(command, QueryResponses={})
        self.expect(self.device.connection, b'{"command_uuid":"%s","status":"Acknowledged"}' % command.encode(), report)

    def add_records(self):
        """Each act is marked by its record as well: a worker's are told apart by its device, and come in their order."""
        records = self.server.rows("SELECT trace, status FROM audit WHERE act LIKE 'PUT /v1/enqueue/%' AND object = ? ORDER BY seq", self.device.udid)
        assert [status for _, status in records] == [200] * ROUNDS, records
        for markers, (trace, _) in zip(self.asked[self.admin.port], records):
            markers.append(trace.encode())

    def run(self):
        try:
            self.expect(self.device.connection, self.device.udid.encode(), self.device.authenticate())
            for number in range(ROUNDS):
                self.round(number)
        except BaseException as e:  # told by the test's own thread
            self.error = e


def import_pushcert(server, asked):
    connection = Connection(server.admin_address)
    answer = connection.request("PUT", "/v1/pushcert", push_cert(), {"Authorization": f"Bearer {server.token}"})
    assert answer[0] == 200, answer
    asked.setdefault(connection.port, []).append([b"pushcert.imported"])


def early_answers(tmp, env):
    """Runs requests of every kind, some at the same time; returns how many there were and which came too early."""
    path, ca, asked = tmp / "interposed", CA(), {}
    env = {**env, "LD_PRELOAD": preload(), "INTERPOSE_LOG": str(path)}
    server = Server(tmp, env=env, tls="off", device_ca=ca.file(tmp), apns_url="https://127.0.0.1:1")
    import_pushcert(server, asked)
    workers = [Worker(server, ca, i) for i in range(THREADS)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
        if w.error:
            raise w.error
        w.add_records()
        asked.update(w.asked)
    server.stop()
    log, early = Log(path), []
    for port, markers in asked.items():
        answers = log.answers(port)
        assert [status for _, status in answers] == [200] * len(markers), (answers, markers)
        early += [marker for marker, (at, _) in zip(markers, answers) if not log.is_durable(marker, at)]
    return sum(map(len, asked.values())), early


def refused_act(tmp):
    """Whether the record of an act that was refused was on disk before its answer left."""
    path = tmp / "interposed"
    server = Server(tmp, env={"LD_PRELOAD": preload(), "INTERPOSE_LOG": str(path)}, tls="off", apns_url="https://127.0.0.1:1")
    connection = Connection(server.admin_address)
    body = plist(CommandUUID="refused", Command={"RequestType": "DeviceInformation"})
    answer = connection.request("PUT", "/v1/enqueue/nobody?nopush=1", body, {"Authorization": f"Bearer {server.token}"})
    (trace, status), = server.rows("SELECT trace, status FROM audit WHERE object = 'nobody'")
    server.stop()
    log = Log(path)
    (at, told), = log.answers(connection.port)
    assert status == told == answer[0] == 404, (status, told, answer)
    return log.is_durable([trace.encode()], at)


def test_every_2xx_is_on_disk_before_it_leaves(tmp):
    total, early = early_answers(tmp, {})
    assert total == 1 + THREADS * (1 + 3 * ROUNDS)
    assert early == []


def test_the_check_turns_red_when_answers_leave_early(tmp):
    total, early = early_answers(tmp, {"POMONA_TEST_ANSWER_EARLY": "1", "INTERPOSE_SYNC_US": "20000"})
    assert len(early) > total / 2, f"only {len(early)} of {total} answers were found to be early"


def test_a_refused_act_is_on_disk_before_its_answer_leaves(tmp):
    assert refused_act(tmp)
