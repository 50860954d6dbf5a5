"""Push and pull images through the Docker registry protocol, without an engine.

``RegistryClient(aws.endpoint).push_image("team/app", "1.0")`` returns the digest.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import random
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from local_aws import DEFAULT_ACCOUNT, DEFAULT_REGION

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

_ACCEPT = f"{OCI_MANIFEST}, {OCI_INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}"


class RegistryError(Exception):
    """The registry refused a push."""


@dataclass(frozen=True)
class Reply:
    """An answer of the registry."""

    status: int
    headers: dict[str, str]
    body: bytes


def sha256(data: bytes) -> str:
    """Return the digest of some bytes as registries write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer_archive(seed: int | str, files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a small gzipped layer: the same bytes for the same arguments."""
    content = dict(files or {})
    content.setdefault("etc/seed", random.Random(str(seed)).randbytes(512))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in sorted(content.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(archive.getvalue(), mtime=0)


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


class RegistryClient:
    """A registry client for one account and region."""

    def __init__(
        self,
        endpoint: str,
        *,
        account: str = DEFAULT_ACCOUNT,
        region: str = DEFAULT_REGION,
    ) -> None:
        parts = urlsplit(endpoint)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._host = f"{account}.dkr.ecr.{region}.amazonaws.com"

    def image_uri(self, repository: str, tag: str) -> str:
        """Return the name of an image as a task definition has it."""
        return f"{self._host}/{repository}:{tag}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request to the registry, addressed by its real host name."""
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        try:
            connection.request(
                method, path, body=body, headers={"Host": self._host, **(headers or {})}
            )
            answer = connection.getresponse()
            return Reply(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
            )
        finally:
            connection.close()

    def push_blob(self, repository: str, data: bytes) -> str:
        """Upload a layer or configuration; return its digest."""
        digest = sha256(data)
        base = f"/v2/{repository}/blobs"
        if self.request("HEAD", f"{base}/{digest}").status == 200:
            return digest
        started = self._expect(202, self.request("POST", f"{base}/uploads/"))
        location = urlsplit(started.headers["location"]).path
        self._expect(
            201,
            self.request("PUT", f"{location}?digest={quote(digest, safe='')}", data),
        )
        return digest

    def push_manifest(
        self, repository: str, reference: str, manifest: bytes, media_type: str
    ) -> str:
        """Upload a manifest under a tag or its digest; return its digest."""
        self._expect(
            201,
            self.request(
                "PUT",
                f"/v2/{repository}/manifests/{reference}",
                manifest,
                {"Content-Type": media_type},
            ),
        )
        return sha256(manifest)

    def push_image(
        self,
        repository: str,
        tag: str | None = None,
        *,
        seed: int | str = 0,
        files: Mapping[str, bytes] | None = None,
        config: Mapping[str, Any] | None = None,
        architecture: str = "amd64",
        subject: Mapping[str, Any] | None = None,
    ) -> str:
        """Push a small valid image and return its digest.

        Equal arguments give an equal image. ``files`` go into its one layer and
        ``config`` is the ``config`` member of its configuration, such as
        ``{"User": "1000"}``. Without a tag the image is pushed by its digest.
        """
        layer = layer_archive(seed, files)
        settings = _encoded(
            {
                "architecture": architecture,
                "os": "linux",
                "config": dict(config or {}),
                "rootfs": {
                    "type": "layers",
                    "diff_ids": [sha256(gzip.decompress(layer))],
                },
                "history": [{"created_by": f"seed {seed}"}],
            }
        )
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": self.push_blob(repository, settings),
                "size": len(settings),
            },
            "layers": [
                {
                    "mediaType": OCI_LAYER,
                    "digest": self.push_blob(repository, layer),
                    "size": len(layer),
                }
            ],
        }
        if subject:
            document["subject"] = dict(subject)
        manifest = _encoded(document)
        return self.push_manifest(
            repository, tag or sha256(manifest), manifest, OCI_MANIFEST
        )

    def push_index(
        self,
        repository: str,
        tag: str | None,
        children: Iterable[tuple[str, str]] | None = None,
        *,
        seed: int | str = 0,
    ) -> tuple[str, list[str]]:
        """Push an OCI index; return its digest and those of its children.

        ``children`` are pairs of digest and architecture. Without them two untagged
        images are pushed first, as a build for two architectures does. What a build
        attests has the architecture ``unknown``.
        """
        if children is None:
            children = [
                (
                    self.push_image(
                        repository, seed=f"{seed}/{name}", architecture=name
                    ),
                    name,
                )
                for name in ("amd64", "arm64")
            ]
        entries, digests = [], []
        for digest, architecture in children:
            manifest = self.pull(repository, digest)
            # Whoever built it knows what an image is that cannot be pulled any more.
            found = manifest.headers if manifest.status == 200 else {}
            digests.append(digest)
            entries.append(
                {
                    "mediaType": found.get("content-type", OCI_MANIFEST),
                    "digest": digest,
                    "size": len(manifest.body),
                    "platform": {
                        "architecture": architecture,
                        "os": "unknown" if architecture == "unknown" else "linux",
                    },
                }
            )
        document = _encoded(
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        )
        digest = self.push_manifest(
            repository, tag or sha256(document), document, OCI_INDEX
        )
        return digest, digests

    def pull(self, repository: str, reference: str) -> Reply:
        """Ask for a manifest by tag or digest, as the first step of a pull."""
        return self.request(
            "GET",
            f"/v2/{repository}/manifests/{reference}",
            headers={"Accept": _ACCEPT},
        )

    def pull_status(self, repository: str, reference: str) -> int:
        """Return the HTTP status of a pull: 200, or 404 if there is no such image."""
        return self.pull(repository, reference).status

    @staticmethod
    def _expect(status: int, reply: Reply) -> Reply:
        if reply.status != status:
            raise RegistryError(
                f"HTTP {reply.status}: {reply.body.decode(errors='replace')[:500]}"
            )
        return reply
