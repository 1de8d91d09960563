"""Packages: added over the API, looked into, served to devices in ranges; what is damaged is never served."""
import hashlib
import http.client
import os
import plistlib
import struct
import urllib.parse

import xar
from harness import Server, until

PATH = "/api/v1/packages/"


def put(s, name, body, query="", headers=None):
    return s.admin("PUT", PATH + urllib.parse.quote(name, safe="") + query, body, headers={"Content-Type": "application/octet-stream", **(headers or {})})


def get(s, url, headers=None, method="GET"):
    host, port = s.devices_address
    c = http.client.HTTPConnection(host, port, timeout=20)
    c.request(method, urllib.parse.urlsplit(url).path, headers=headers or {})
    r = c.getresponse()
    body = r.read()
    c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, body


def files(s):
    folder = s.data / "files"
    return sorted(f.name for f in folder.iterdir()) if folder.exists() else []


def message(answer):
    return answer["error"]["message"]


def test_refused(tmp):
    s = Server(tmp, tls="off")
    good = xar.package()
    nested = xar.package(toc="<a>" * 70 + "</a>" * 70)
    bomb = xar.package(names=(("Distribution", "<title>" + " " * (5 << 20) + "</title>"),))
    lying = bytearray(good)
    struct.pack_into(">Q", lying, 8, 1 << 40)
    for name, body, says in (("a.dmg", good, "name of a package"), ("../a.pkg", good, "name of a package"), (".a.pkg", good, "name of a package"),
                             ("a\nb.pkg", good, "name of a package"), ("a/b.pkg", good, "name of a package"), ("a" * 300 + ".pkg", good, "name of a package"),
                             ("a.pkg", b"PK\3\4" + bytes(100), "no flat package"), ("a.pkg", b"xar!", "no flat package"),
                             ("a.pkg", good[:60], "cut short"), ("a.pkg", good[:-10], "cut short"), ("a.pkg", bytes(lying), "larger than any"), ("a.pkg", nested, "damaged"),
                             ("a.pkg", bomb, "larger than"), ("a.pkg", xar.package(toc="<xar><toc></xar>"), "damaged"),
                             ("a.pkg", xar.package(names=(("Bom", "x"),)), "no installer package"),
                             ("a.pkg", xar.package(names=(("PackageInfo", "<pkg-info/>"),)), "--identifier")):
        status, answer = put(s, name, body)
        assert status in (400, 413) and says in message(answer), (name, body[:10], status, answer)
    assert put(s, "a.pkg", good, "?version=" + "v" * 300)[0] == 400
    status, answer = put(s, "a.pkg", b"")
    assert status == 400 and message(answer) == "the file is empty", answer
    assert files(s) == [] and s.admin("GET", "/api/v1/packages")[1]["packages"] == []
    assert s.admin("GET", PATH + "none.pkg")[0] == 404 and s.admin("DELETE", PATH + "none.pkg")[0] == 404

    # Too large is refused before a byte of it is read, and so is a length that nobody tells.
    for headers, status in (({"Content-Length": str(9 << 30)}, 413), ({"Transfer-Encoding": "chunked"}, 400)):
        host, port = s.admin_url.split("//")[1].split(":")
        c = http.client.HTTPConnection(host, int(port), timeout=20)
        c.putrequest("PUT", PATH + "big.pkg")
        for key, value in {"Authorization": f"Bearer {s.token}", **headers}.items():
            c.putheader(key, value)
        c.endheaders()
        assert c.getresponse().status == status, headers
        c.close()
    assert files(s) == []
    assert [line for line in s.cli("package", "add", tmp / "none.pkg", expect=3).stderr.splitlines() if "none.pkg" in line]


def test_added_and_served(tmp):
    s = Server(tmp, tls="off")
    body = xar.package(payload=os.urandom(300_000))
    file = tmp / "Example App.pkg"
    file.write_bytes(body)
    told = s.cli("package", "add", file).stdout
    assert "com.example.app" in told and "1.2.3" in told and "Example & Co" in told and "warning" not in told, told
    assert "It was there already" in s.cli("package", "add", file).stdout
    status, answer = put(s, "Example App.pkg", body + b"x")
    assert status == 409 and "another package" in message(answer), answer
    shown = s.cli_json("package", "show", "Example App.pkg")
    url, digest = shown["url"], hashlib.sha256(body).hexdigest()
    assert shown["sha256"] == digest and shown["size"] == len(body) and "/files/" in url and url.endswith("/Example%20App.pkg")
    assert "Example App.pkg" in s.cli("package", "list").stdout

    manifest = plistlib.loads(s.cli("package", "show", "Example App.pkg", "--manifest").stdout.encode())
    [item] = manifest["items"]
    [asset] = item["assets"]
    assert asset["url"] == url and asset["kind"] == "software-package" and asset["md5-size"] >= len(body)
    assert asset["md5s"] == [hashlib.md5(body).hexdigest()] and asset["sha256s"] == [digest]
    assert item["metadata"] == {"bundle-identifier": "com.example.app", "bundle-version": "1.2.3", "kind": "software", "sizeInBytes": len(body), "title": "Example & Co"}

    # Wrong token, wrong name, tricks in the name: nothing, and nothing of the token in the log.
    token = url.split("/")[-2]
    for wrong in (url.replace(token, token[:-1] + ("A" if token[-1] != "A" else "B")), url.replace(token, "x"), url.replace("Example%20App", "other"),
                  url.replace("Example%20App.pkg", "..%2F..%2Fpomona.db"), url.replace("Example%20App.pkg", "%00"), url.replace("/Example%20App.pkg", "")):
        assert get(s, wrong)[0] == 404, wrong
    assert token not in s.log()

    size, etag = len(body), f'"{digest}"'
    status, headers, got = get(s, url)
    assert status == 200 and got == body and headers["etag"] == etag and headers["accept-ranges"] == "bytes"
    status, headers, got = get(s, url, method="HEAD")
    assert status == 200 and got == b"" and int(headers["content-length"]) == size
    date = headers["last-modified"]
    for asked, first, last in (("bytes=0-0", 0, 0), ("bytes=100-", 100, size - 1), ("bytes=-7", size - 7, size - 1), (f"bytes=5-{size * 9}", 5, size - 1),
                               (f"bytes=-{size * 9}", 0, size - 1), (f"bytes={size - 1}-", size - 1, size - 1), ("bytes=7-" + "9" * 40, 7, size - 1)):
        status, headers, got = get(s, url, {"Range": asked})
        assert status == 206 and got == body[first:last + 1] and headers["content-range"] == f"bytes {first}-{last}/{size}", (asked, status, headers)
    for asked in (f"bytes={size}-", "bytes=-0", "bytes=" + "9" * 40 + "-"):
        status, headers, got = get(s, url, {"Range": asked})
        assert status == 416 and headers["content-range"] == f"bytes */{size}" and got == b"", (asked, status)
    for asked in ("bytes=0-1,5-6", "bytes=5-1", "bytes=", "bytes=-", "bytes=a-b", "bytes=0x1-5", "bytes", "lines=1-2", "bytes=+1-2", "bytes=--1", "=", ""):
        status, _, got = get(s, url, {"Range": asked})
        assert status == 200 and got == body, asked
    for condition, status in ((etag, 206), (date, 206), ('"other"', 200), (f"W/{etag}", 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 200)):
        assert get(s, url, {"Range": "bytes=1-2", "If-Range": condition})[0] == status, condition
    assert get(s, url, method="PUT")[0] == 405

    assert "removed" in s.cli("package", "remove", "Example App.pkg").stdout
    assert get(s, url)[0] == 404 and until(lambda: files(s) == [], "the file goes")


def test_told_and_odd(tmp):
    """What a file tells of itself, and what counts more; a component package is warned of."""
    s = Server(tmp, tls="off")
    status, part = put(s, "part.pkg", xar.package(names=(("PackageInfo", xar.INFO),), signed=False))
    assert status == 201 and (part["identifier"], part["version"], part["title"]) == ("com.example.part", "4.5", "part"), part
    assert not part["signed"] and not part["product"] and len(part["warnings"]) == 2
    status, told = put(s, "told.pkg", xar.package(), "?identifier=com.other&version=7&title=Other")
    assert status == 201 and (told["identifier"], told["version"], told["title"]) == ("com.other", "7", "Other"), told
    hostile = xar.DISTRIBUTION.replace("Example &amp; Co", "&#7;&#x202e;").replace('version="1.2.3"', "version='&bogus;'")
    status, odd = put(s, "odd.pkg", xar.package(names=(("Distribution", hostile),)))
    assert status == 201 and odd["title"] == "odd" and odd["version"] == "9", odd  # of pkg-ref


def test_damaged(tmp):
    """What does not match what was added is never served, also not after a restart; it is told of, and mended."""
    s = Server(tmp, tls="off")
    body = xar.package(payload=bytes(100_000))
    put(s, "a.pkg", body)
    url = s.admin("GET", PATH + "a.pkg")[1]["url"]
    [name] = files(s)
    file = s.data / "files" / name

    def trouble():
        return s.admin("GET", PATH + "a.pkg")[1]["trouble"]

    before = os.stat(file)
    with open(file, "r+b") as f:  # one byte, and the time as it was
        f.seek(-1, 2)
        f.write(b"x")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert get(s, url)[0] in (404, 503)
    until(lambda: trouble() and "something else" in trouble(), "the damage is seen")
    assert get(s, url)[0] == 404 and s.admin("GET", PATH + "a.pkg/manifest")[0] == 503
    os.truncate(file, 1000)
    until(lambda: "size" in trouble(), "the other size is seen")
    assert "another size" in s.cli("doctor", "--json", "--data", s.data, expect=1).stdout
    s.stop()
    s = Server(tmp, data=s.data, tls="off")
    assert get(s, url)[0] in (404, 503)
    until(lambda: get(s, url)[0] == 404, "it is read again")
    status, again = put(s, "a.pkg", body)
    assert status == 200 and not again["trouble"]
    assert get(s, url)[2] == body
    os.rename(file, tmp / "away")
    until(lambda: trouble() and "missing" in trouble(), "the gap is seen")
    assert get(s, url)[0] == 404
    os.rename(tmp / "away", file)
    until(lambda: not trouble(), "it is back")
    assert until(lambda: get(s, url)[0] == 200, "it is served again")
    assert [kind for (kind,) in s.rows("SELECT kind FROM event WHERE kind LIKE 'package.%' ORDER BY seq")][:2] == ["package.added", "package.damaged"]


def begin_upload(s, name, sent=b"xar!"):
    """One that announces a million bytes, and does not go on."""
    c = http.client.HTTPConnection(*s.admin_address, timeout=20)
    c.putrequest("PUT", PATH + name)
    for key, value in {"Authorization": f"Bearer {s.token}", "Content-Length": "1000000"}.items():
        c.putheader(key, value)
    c.endheaders()
    c.send(sent)
    return c


def test_a_few_at_a_time(tmp):
    """A fifth upload is told to come later, before a byte of it is read; who goes away makes room."""
    s = Server(tmp, tls="off")
    running = [begin_upload(s, f"{i}.pkg") for i in range(4)]
    until(lambda: len(files(s)) == 4, "four uploads")
    more = begin_upload(s, "more.pkg", b"")
    answer = more.getresponse()
    assert (answer.status, answer.getheader("Retry-After")) == (503, "60"), answer.status
    assert "4 packages are being uploaded" in answer.read().decode()
    more.close()
    (tmp / "a.pkg").write_bytes(xar.package())
    assert "4 packages" in s.cli("package", "add", tmp / "a.pkg", expect=None).stderr
    running.pop().close()
    until(lambda: put(s, "a.pkg", xar.package())[0] == 201, "a place")
    for c in running:
        c.close()
    until(lambda: len(files(s)) == 1, "what they left goes")


def test_killed(tmp):
    """A server that is killed in the middle of an upload has no half package; the leftovers go at the next start."""
    s = Server(tmp, tls="off")
    put(s, "kept.pkg", xar.package())
    host, port = s.admin_url.split("//")[1].split(":")
    c = http.client.HTTPConnection(host, int(port), timeout=20)
    c.putrequest("PUT", PATH + "half.pkg")
    for key, value in {"Authorization": f"Bearer {s.token}", "Content-Length": "1000000"}.items():
        c.putheader(key, value)
    c.endheaders()
    c.send(b"xar!" * 1000)
    until(lambda: len(files(s)) == 2, "the upload begins")
    (s.data / "files" / "not ours").write_bytes(b"")
    s.kill9()
    c.close()
    assert len(files(s)) == 3
    s = Server(tmp, data=s.data, tls="off")
    assert len(files(s)) == 2 and "not ours" in files(s)
    assert [p["name"] for p in s.admin("GET", "/api/v1/packages")[1]["packages"]] == ["kept.pkg"]

    # A client that goes away leaves nothing either.
    c = http.client.HTTPConnection(*s.admin_url.split("//")[1].split(":"), timeout=20)
    c.putrequest("PUT", PATH + "half.pkg")
    for key, value in {"Authorization": f"Bearer {s.token}", "Content-Length": "1000000"}.items():
        c.putheader(key, value)
    c.endheaders()
    c.send(b"xar!" * 1000)
    until(lambda: len(files(s)) == 3, "the upload begins")
    c.close()
    until(lambda: len(files(s)) == 2, "its file goes")
