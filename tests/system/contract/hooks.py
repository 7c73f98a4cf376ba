"""What schemathesis does beside its own: names things that exist, and looks for what no
answer may tell. NOROSHI_KNOWN: {"case_id": ["1", …], …}, by the name of the parameter."""

import json
import os
import pathlib
import zlib

import schemathesis

KNOWN = json.loads(os.environ["NOROSHI_KNOWN"])

# Paths (of this tree, wherever it stands, and of others), sources, and the libraries' own words.
TREE = str(pathlib.Path(__file__).resolve().parents[3])
INNER = [TREE, "/tmp/", "/usr/", ".cc:", ".h:", "std::", "boost", "rocksdb", "RocksDB",
         "valijson", "NOROSHI_", "protobuf", "terminate", "Exception"]


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Three of four times what exists: the rest of the handler is behind that."""
    for name, value in (path_parameters or {}).items():
        dice = zlib.crc32(repr(value).encode("utf-8", "surrogatepass"))
        known = KNOWN.get(name)
        if known and dice % 4:
            path_parameters[name] = known[dice // 4 % len(known)]
    return path_parameters


@schemathesis.check
def tells_nothing_of_its_inside(context, response, case):
    if response.status_code < 400:
        return
    for word in INNER:
        assert word not in response.text, f"an error tells {word}"


@schemathesis.serializer("message/rfc822")
def mail(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
