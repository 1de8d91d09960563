"""An outside library's headers are included by its adapter only."""
import fnmatch

from common import files, includes, logical, main, read

ADAPTERS = {  # beginning of the header's path: the files of server/ that may include it
    "microhttpd": ["lib/http_*"],
    "gnutls/": ["lib/http_tls.c"],
    "openssl/": ["lib/pki_*", "lib/net_tls*"],
    "plist/": ["lib/plist*"],
    "sqlite3": ["lib/db_sqlite*"],
    "nghttp2/": ["lib/net_h2*"],
    "curl/": ["lib/net_http*", "lib/net_mail*"],
    "jansson": ["lib/json*"],
    "zlib": ["lib/zip*"],
    "fido": ["lib/fido.c"],
    "cmocka": [],
}


def check(root):
    problems = []
    for path in files(root, ["include", "server"], {".c", ".h", ".def"}):
        name, private = logical(root, path), path.relative_to(root).parts[0] == "server"
        for line, included, _ in includes(read(path)):
            for header, places in ADAPTERS.items():
                if included.startswith(header) and not (private and any(fnmatch.fnmatch(name, p) for p in places)):
                    problems.append((path, line, f"<{included}> belongs into {' or '.join(places) or 'tests only'}"))
    return problems


GOOD = {"server/lib/pki_int.h": "#include <openssl/evp.h>\n", "server/lib/json.c": "#include <jansson.h>\n#include <stdio.h>\n",
        "server/lib/http_mhd.c": "#include <microhttpd.h>\n"}
BAD = [({"include/lib/pki_cert.h": "#include <openssl/x509.h>\n"}, "belongs into lib/pki_*"),
       ({"server/core/vault.c": "  #include <openssl/evp.h>\n"}, "belongs into lib/pki_*"),
       ({"server/lib/db.c": '#include "sqlite3.h"\n'}, "belongs into lib/db_sqlite*"),
       ({"server/lib/http_mhd.c": "#include <gnutls/x509.h>\n"}, "belongs into lib/http_tls.c"),
       ({"server/base/buf.c": "#include <cmocka.h>\n"}, "tests only")]

if __name__ == "__main__":
    main(check, GOOD, BAD)
