"""Flat packages for tests, as xar writes them: a header, a table of contents compressed by zlib, a heap."""
import struct
import zlib

DISTRIBUTION = ('<?xml version="1.0" encoding="utf-8"?>\n<!-- made by hand -->\n<installer-gui-script minSpecVersion="1">\n'
                '<title>Example &amp; Co</title><product id="com.example.app" version="1.2.3"/>'
                '<pkg-ref id="com.example.app.pkg" version="9">#a.pkg</pkg-ref></installer-gui-script>')
INFO = '<pkg-info format-version="2" identifier="com.example.part" version="4.5"><payload/></pkg-info>'


def toc_of(names, heap, signed):
    entries = []
    for i, (name, text) in enumerate(names, 1):
        data = zlib.compress(text.encode())
        entries.append(f'<file id="{i}"><data><archived-checksum style="sha1">00</archived-checksum><length>{len(data)}</length>'
                       f'<encoding style="application/x-gzip"/><offset>{len(heap)}</offset><size>{len(text)}</size></data>'
                       f"<type>file</type><name>{name}</name></file>")
        heap += data
    signature = '<x-signature style="CMS"><offset>0</offset><size>1</size></x-signature>' if signed else ""
    return f'<?xml version="1.0" encoding="UTF-8"?><xar><toc><checksum style="sha1"/>{signature}{"".join(entries)}</toc></xar>'


def package(names=(("Distribution", DISTRIBUTION),), payload=b"", signed=True, toc=None):
    heap = bytearray(b"\0" * 20)
    text = (toc if toc is not None else toc_of(names, heap, signed)).encode()
    packed = zlib.compress(text)
    return struct.pack(">4sHHQQI", b"xar!", 28, 1, len(packed), len(text), 1) + packed + bytes(heap) + payload
