"""A harness for atheris: ``fuzz_store.py entry|ledger FOLDER [libFuzzer options]``.

Bytes go into the file of an entry or of a ledger; what is read of it must be sound.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sts_plugin.store", "sts_plugin.ledger"]):
    from damage import KEY, Sample

from sts_plugin.keys import digest


def with_digest(data):
    """The same with key and digest in order, so that what is behind them is reached."""
    try:
        value = json.loads(data)
        fields = {k: v for k, v in value.items() if k != "digest"} | {"key": KEY}
        return json.dumps({**fields, "digest": digest(fields)}).encode()
    except (ValueError, AttributeError, RecursionError):
        return data


def main():
    kind, folder = sys.argv[1], Path(sys.argv[2])
    sample = Sample(folder / "cache")
    judge = getattr(sample, f"judge_{kind}")

    def work(data):
        judge(with_digest(data) if kind == "entry" and len(data) % 2 else data)

    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "sound").write_bytes(getattr(sample, kind).read_bytes())
    atheris.Setup([sys.argv[0], *sys.argv[3:], str(corpus)], work)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
