# SPDX-License-Identifier: MIT
"""Judges Avro of `must` by fastavro: avro.py PROGRAM, where PROGRAM is judges/avro.cpp."""
import base64
import io
import json
import subprocess
import sys

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form


def ask(what, lines=()):
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run([sys.argv[1], what], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what}: {found!r} is not {wanted!r}")


schemas = ask("schema")
# The fingerprints of cloudevents.avsc and of the schema in the text of the specification, CloudEvents 1.0.2.
for schema, official in zip(schemas, ["ff925621a4a9625f4b5551621e028f1b", "f92272899b7d997fad38f0b23eef8c76"]):
    expect(to_parsing_canonical_form(json.loads(schema)), schema, "the canonical form of the schema")
    expect(fingerprint(schema, "md5"), official, "the fingerprint of the schema")
schema = fastavro.parse_schema(json.loads(schemas[0]))


def encoded(attributes, data):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, {"attribute": attributes, "data": data})
    return out.getvalue().hex()


def data_of(event):
    """The bytes of the data of an event in JSON, or None."""
    if "data_base64" in event:
        return base64.b64decode(event["data_base64"])
    if "data" not in event:
        return None
    if event["datacontenttype"].endswith("json"):
        return json.dumps(event["data"], separators=(",", ":")).encode()
    return event["data"].encode()


written = ask("write")
for text, document in zip(written[::2], written[1::2]):
    event = json.loads(text)
    source = io.BytesIO(bytes.fromhex(document))
    read = fastavro.schemaless_reader(source, schema)
    expect(source.read(), b"", "what stands behind an event")
    expect(read["data"], data_of(event), "the data of " + text)
    attributes = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    expect(read["attribute"], attributes, "the attributes of " + text)
    expect(encoded(read["attribute"], read["data"]), document, "the bytes of " + text)

required = {"type": "t", "source": "/s", "id": "1", "specversion": "1.0"}
record = {"value": {"no": None, "yes": True, "half": 0.5, "text": "t", "list": [{"value": {}}, {"value": {"a": "b"}}],
                    "map": {"k": {"value": {"x": None}}}}}
cases = [
    (dict(n=-5, flag=True, gone=None, subject="\u20ac"), None, dict(n=-5, flag=True, subject="\u20ac")),
    (dict(datacontenttype="application/json"), b'{"a":1}', dict(datacontenttype="application/json", data={"a": 1})),
    (dict(), b"\xff", dict(data_base64="/w==")),
    (dict(bytes=b"\xff"), None, dict(bytes="/w==")),
    (dict(datacontenttype="text/plain"), "t", dict(datacontenttype="text/plain", data="t")),
    (dict(), "t", dict(datacontenttype="application/json", data="t")),
    (dict(), True, dict(datacontenttype="application/json", data=True)),
    (dict(), -1e300, dict(datacontenttype="application/json", data=-1e300)),
    (dict(), {"a": None, "b": 1.5, "c": "t", "d": False, "e": record},
     dict(datacontenttype="application/json", data={
         "a": None, "b": 1.5, "c": "t", "d": False,
         "e": {"no": None, "yes": True, "half": 0.5, "text": "t", "list": [{}, {"a": "b"}], "map": {"k": {"x": None}}}})),
    (dict(), [{"value": {}}, {"value": {"a": 2.0}}], dict(datacontenttype="application/json", data=[{}, {"a": 2}])),
]
read = ask("read", [encoded({**required, **attributes}, data) for attributes, data, _ in cases])
expect(len(read), len(cases), "the number of events that were read")
for (attributes, data, event), text in zip(cases, read):
    try:
        found = json.loads(text)
    except ValueError:
        sys.exit(f"{attributes} with the data {data} is not read: {text}")
    expect(found, {**required, **event}, f"{attributes} with the data {data}")

records = [fastavro.schemaless_reader(io.BytesIO(bytes.fromhex(document)), schema) for document in written[1::2]]
file = fastavro.reader(io.BytesIO(bytes.fromhex(ask("write_file")[0])))
expect(file.metadata["made.by"], "must", "the metadata of the file")
expect(list(file), records, "the events of the file")
out = io.BytesIO()
fastavro.writer(out, schema, records, codec="null", sync_interval=100)
expect(ask("read_file", [out.getvalue().hex()]), ["null", *written[::2]], "what is read of a file")

print(f"fastavro {fastavro.__version__} reads {len(written) // 2} events and writes {len(cases)} that are read")
