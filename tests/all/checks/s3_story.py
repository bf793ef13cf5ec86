"""What a store in S3 is held to, whatever the server: the same digests as in a folder, and every fault noticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from golden_harness import files_below
from rsppc.cli.exits import ENVIRONMENT, INTEGRITY, OK
from workspaces import rsppc

from checks.outcome import Outcome, outcome
from checks.s3_servers import Server

_BUCKET = "rsppc-packages"
_URL = f"s3://{_BUCKET}/team/one"
_LARGE = bytes(range(256)) * 81_920
"""20 MiB, in three parts."""
_FILES = {
    "run.json": b'{"run": 17}\n',
    "raw/empty": b"",
    "raw/large.bin": _LARGE,
    **{f"raw/{number}.txt": b"line %d\n" % number * 400 for number in range(20)},
}
_WHO = ("--producer", "check", "--run-id", "r1", "--subject", "desk")
_SECONDS_MAX = 300


def told(folder: Path, server: Server, *, second_creator: str, knows_who: bool) -> Outcome:
    """Everything, in order."""
    story = _Story(folder, server)
    story.begin(second_creator)
    story.compare()
    story.move()
    story.damage()
    story.collect()
    story.refuse(knows_who)
    return outcome(story.problems, f"{server.name}: {story.digest}, {story.steps} commands, {len(_FILES)} files")


class _Story:
    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.problems: list[str] = []
        self.steps = 0
        self.digest = ""
        self.package = ""
        for path, data in _FILES.items():
            (folder / "run" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "run" / path).write_bytes(data)

    def client(self) -> Any:
        """The service by another library."""
        from obstore.store import S3Store

        keys: Any = {"aws_access_key_id": self.server.key_id, "aws_secret_access_key": self.server.secret}
        config = {"endpoint": self.server.address, "region": "us-east-1", **keys}
        return S3Store(_BUCKET, prefix="team/one", config=config, client_options={"allow_http": True})

    def keys(self) -> list[str]:
        import obstore

        return sorted(one["path"] for batch in obstore.list(self.client()) for one in batch)

    def run(self, *words: str, code: int = OK, says: str = "", **changes: str) -> str:
        done = rsppc(self.folder, *words, seconds_max=_SECONDS_MAX, **{**self.server.settings, **changes})
        said = (done.stdout + done.stderr).decode()
        self.steps += 1
        if done.returncode != code or says not in said or "Traceback" in said:
            self.problems.append(f"`rsppc {' '.join(words)}` ends with {done.returncode}, not {code}: {said[-500:]}")
        return done.stdout.decode()

    def begin(self, second_creator: str) -> None:
        _make_bucket(self.server)
        said = self.run("store", "init", "--store", "there", "--backend", _URL)
        for line in (
            "what is written is read       yes",
            f"a second creator is refused   {second_creator}",
            "what is written is listed     yes",
            "what is deleted is gone       yes",
        ):
            if line not in said:
                self.problems.append(f"the report lacks `{line}`: {said}")
        self.run("store", "init", "--store", "here")

    def compare(self) -> None:
        """R-004-32: one run, one digest."""
        here = self.run("store", "ingest", "run", *_WHO, "--store", "here")
        there = self.run("store", "ingest", "run", *_WHO, "--store", "there")
        if here != there:
            self.problems.append(f"the folder says {here}, the service {there}")
        self.package, self.digest = there.split()[:2]
        self.run("store", "ingest", "run", *_WHO, "--store", "there", says="published before")
        self.run("store", "verify", "--store", "there", says="all sound")
        self.run("store", "get", self.package, "--store", "there", "--output", "back")
        if files_below(self.folder / "back") != files_below(self.folder / "run"):
            self.problems.append("what comes back is not what went in")
        if (self.folder / "there/blobs").exists() or any((self.folder / "there/staging").iterdir()):
            self.problems.append("content lies in the folder of the store")

    def move(self) -> None:
        self.run("store", "export", self.package, "run.tar", "--store", "there")
        self.run("store", "init", "--store", "third", "--backend", f"s3://{_BUCKET}/team/three")
        self.run("store", "import", "run.tar", "--store", "third", says=self.digest)
        self.run("store", "verify", "--store", "third", says="all sound")
        self.run("store", "init", "--store", "second", "--backend", _URL, code=INTEGRITY, says="another store")

    def damage(self) -> None:
        import obstore

        client = self.client()
        for space in ("blobs", "manifests"):
            key = next(key for key in self.keys() if key.startswith(space))
            data = bytes(obstore.get(client, key).bytes())
            obstore.put(client, key, data[:-1] + bytes([data[-1] ^ 1]))
            self.run("store", "verify", "--store", "there", code=INTEGRITY, says="is not what its digest says")
            obstore.delete(client, key)
            self.run("store", "verify", "--store", "there", code=INTEGRITY, says="is missing")
            obstore.put(client, key, data)
        self.run("store", "verify", "--store", "there", says="all sound")
        (self.folder / "there/registry.db").unlink()
        (self.folder / "there/registry.head").unlink()
        self.run("store", "init", "--store", "there", "--backend", _URL, code=INTEGRITY, says="rebuild")
        self.run("store", "rebuild", "--store", "there", says="1 package")
        self.run("store", "get", self.package, "--store", "there", says=self.digest)

    def collect(self) -> None:
        release = ("retention", "release", self.package, "--by", "ada", "--reason", "known", "--store", "there")
        self.run("store", *release)
        self.run("store", "gc", "--store", "there", "--delete", "--now", "2999-01-01T00:00:00Z")
        if self.keys() != ["rsppc-store.json"]:
            self.problems.append(f"after gc there is {self.keys()[:5]}")

    def refuse(self, knows_who: bool) -> None:
        missing = ("store", "init", "--store", "no", "--backend", "s3://rsppc-no-such/x")
        self.run(*missing, code=ENVIRONMENT, says="there is no bucket")
        if knows_who:
            wrong = {"AWS_SECRET_ACCESS_KEY": "other"}
            for words in (("store", "verify", "--store", "third"), missing):
                self.run(*words, code=ENVIRONMENT, says="access is denied (403)", **wrong)
        nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        self.run("store", "verify", "--store", "third", code=ENVIRONMENT, says="there is no connection", **nobody)


def _make_bucket(server: Server) -> None:
    import boto3

    keys = {"aws_access_key_id": server.key_id, "aws_secret_access_key": server.secret, "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=server.address, **keys).create_bucket(Bucket=_BUCKET)
