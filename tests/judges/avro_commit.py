# SPDX-License-Identifier: MIT
"""Judges the files of a log of `must` by other people's readers of Avro.

avro_commit.py PROGRAM READER [ARGUMENT]: PROGRAM is judges/avro_commit.cpp, and READER is fastavro, python, java (with
the jar of avro-tools) or js (with judges/avro_commit.js).
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile

program, reader, *arguments = sys.argv[1:]
sys.path.pop(0)  # The folder of this program has an avro.py, which is not the library.

TIME = {"type": "long", "logicalType": "timestamp-micros"}


def compact(extensions, values):
    """The schema of CloudEvents' compact format."""
    optional = [{"name": name, "type": ["null", of], "default": None} for name, of in [
        ("datacontenttype", "string"), ("dataschema", "string"), ("subject", "string"), ("time", TIME)]]
    return {"namespace": "io.cloudevents.v1.avro.compact", "type": "record", "name": "CloudEvent", "fields": [
        *({"name": name, "type": "string"} for name in ("id", "source", "type")), *optional,
        {"name": extensions, "type": {"type": "map", "values": values}, "default": {}},
        {"name": "data", "type": ["bytes", "null"], "default": "null"}]}


COMPACT = {"attributes": compact("attributes", ["null", "boolean", "int", TIME, "string", "bytes"]),
           "extensions": compact("extensions", ["boolean", "int", TIME, "string", "bytes"])}


def run(*command):
    done = subprocess.run(command, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ends with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def plain(value):
    """A value as JSON has it: without the names of branches, bytes as Latin-1, times as microseconds."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("string", "bytes", "long"):
            return plain(next(iter(value.values())))
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, datetime.datetime):
        since = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return value


def read(path, schema=None):
    """The records of a file, resolved with a schema, if there is one."""
    if reader == "fastavro":
        import fastavro
        with open(path, "rb") as file:
            return list(fastavro.reader(file, schema))
    if reader == "python":
        import avro.datafile
        import avro.io
        import avro.schema
        with open(path, "rb") as file:
            by = avro.io.DatumReader(None, avro.schema.parse(json.dumps(schema)) if schema else None)
            return list(avro.datafile.DataFileReader(file, by))
    with_schema = []
    if schema:
        with_schema = [path + ".avsc"]
        with open(with_schema[0], "w") as file:
            json.dump(schema, file)
    if reader == "java":
        return run("java", "-jar", arguments[0], "tojson",
                   *(["--reader-schema-file", *with_schema] if schema else []), path)
    return run("node", arguments[0], path, *with_schema)


def expect(found, wanted, what):
    if found != wanted:
        sys.exit(f"{what} by {reader}: {found!r} is not {wanted!r}")


ATTRIBUTES = ("id", "source", "type", "datacontenttype", "dataschema", "subject", "time", "data")
with tempfile.TemporaryDirectory() as folder:
    for codec in ("null", "deflate"):
        path = os.path.join(folder, codec + ".avro")
        events = run(program, path, codec)
        records = [plain(record) for record in read(path)]
        expect(len(records), len(events), "the number of events")
        for record, event in zip(records, events):
            expect({name: record[name] for name in event}, event, "an event with the codec " + codec)
        expect(records[0]["extensionattributes"], [
            {"name": "bytes", "kind": "binary", "value": "AP8="}, {"name": "flag", "kind": "boolean", "value": "true"},
            {"name": "n", "kind": "integer", "value": "-7"}, {"name": "text", "kind": "string", "value": "t"}],
            "the extensions")
        for extensions, schema in COMPACT.items():
            resolved = [plain(record) for record in read(path, schema)]
            wanted = [{**{name: event[name] for name in ATTRIBUTES}, extensions: {}} for event in events]
            expect(resolved, wanted, "the CloudEvents of the compact schema with the codec " + codec)
print(f"{reader} reads {len(events)} events, and resolves them with CloudEvents' compact schema")
