"""Packs a release: what an account without a checkout needs, versioned, checksummed, and the same whoever packs it.

    tidewaiter-<version>/
      template.json            the stack as plain CloudFormation: stack sets of an organization do not run the SAM transform
      policy-layer.zip         the policy, for the layer
      <architecture>/<function>.zip
      organization/*.yaml      artifacts, stack set and hub
      scp.json                 what IAM can prevent
      sbom/<function>.cdx.json
      SHA256SUMS

`make package` runs it once for each architecture; the checksums cover all that is there.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import struct
import sys
import tomllib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

INFRA = Path(__file__).resolve().parent
ROOT = INFRA.parent
ARCHITECTURES = ["arm64", "x86_64"]
# Of a zip, in bytes. The smaller the code, the sooner a cold function runs.
LIMIT = 3_000_000
# 1980-01-01, the first day that a zip can name.
DATE, TIME = 0x0021, 0
Deflate = Callable[[bytes], bytes]


class PackageError(Exception):
    """The release cannot be packed."""


def zopfli(data: bytes) -> bytes:
    """Deflates: smaller than zlib, and the same on every machine."""
    import zopfli.zlib  # only here, so that the tests need no compiler of it

    # Without the two bytes before and the four behind that make it zlib's.
    return zopfli.zlib.compress(data, numiterations=1)[2:-4]


def archive(files: dict[str, tuple[bytes, int]], deflate: Deflate) -> bytes:
    """A zip of files, each with its content and permissions, that depends on nothing else: sorted, dated 1980, made on Unix."""
    body, directory = b"", b""
    for name, (content, permissions) in sorted(files.items()):
        packed, encoded = deflate(content), name.encode()
        common = struct.pack(
            "<5H3L2H",
            *(20, 0, 8, TIME, DATE),
            *(zlib.crc32(content), len(packed), len(content)),
            *(len(encoded), 0),
        )
        directory += struct.pack("<LH", 0x02014B50, 3 << 8 | 20) + common
        attributes = (0o100000 | permissions) << 16
        directory += struct.pack("<3H2L", 0, 0, 0, attributes, len(body)) + encoded
        body += struct.pack("<L", 0x04034B50) + common + encoded + packed
    end = (0x06054B50, 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + struct.pack("<L4H2LH", *end)


def function(binary: Path) -> bytes:
    """The zip of a function. Lambda runs `bootstrap`."""
    return archive({"bootstrap": (binary.read_bytes(), 0o755)}, zopfli)


def layer(folder: Path, deflate: Deflate = zopfli) -> bytes:
    """The zip of the policy's layer."""
    return archive(
        {
            str(path.relative_to(folder)): (path.read_bytes(), 0o644)
            for path in folder.rglob("*")
            if path.is_file()
        },
        deflate,
    )


def version() -> str:
    """The version of the workspace."""
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    return manifest["workspace"]["package"]["version"]


class NoManagedPolicies:
    """The transform asks for a loader; the template's own roles never use it."""

    def load(self) -> dict[str, str]:
        return {}


def plain(source: str, release: str) -> dict[str, Any]:
    """The SAM template as plain CloudFormation that takes the code from the bucket of artifacts of its Region."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform wants one
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    template = yaml_parse(source)
    template["Parameters"] |= {
        "ArtifactBucket": {
            "Type": "String",
            "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,45}[a-z0-9]$",
            "Description": "Name of the buckets with the artifacts, to which a hyphen and the Region are added",
        },
        "ArtifactPrefix": {
            "Type": "String",
            "Default": f"tidewaiter-{release}",
            "AllowedPattern": "^[A-Za-z0-9._/-]+$",
            "Description": "Where the release is in the bucket. What is there does not change: another release has another place",
        },
        "PolicyLayerKey": {
            "Type": "String",
            "Default": "policy-layer.zip",
            "AllowedPattern": r"^[A-Za-z0-9._/-]+\.zip$",
            "Description": "The zip of the policy below that place. Another policy has another name, or it is not deployed",
        },
    }
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            name = Path(properties["CodeUri"]).name
            properties["CodeUri"] = at("${Architecture}/" + name + ".zip")
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = at("${PolicyLayerKey}")
    defaults = {
        name: declared["Default"]
        for name, declared in template["Parameters"].items()
        if "Default" in declared
    }
    translated = transform(template, defaults, NoManagedPolicies())
    # What the SAM command line writes there is about SAM.
    translated.get("Metadata", {}).pop("SamTransformMetrics", None)
    return translated


def at(key: str) -> dict[str, Any]:
    """Where an artifact is, as the template says it."""
    return {
        "Bucket": {"Fn::Sub": "${ArtifactBucket}-${AWS::Region}"},
        "Key": {"Fn::Sub": "${ArtifactPrefix}/" + key},
    }


def scp(page: str) -> str:
    """The service control policy, out of the page that explains it."""
    (document,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    json.loads(document)
    return document


def companions() -> list[Path]:
    """What an organization deploys or attaches beside the members' template."""
    organization = INFRA / "organization"
    return [
        *sorted(organization.glob("*.yaml")),
        organization / "protect.json",
        INFRA / "global-events.yaml",
    ]


def bill(materials: str) -> str:
    """A bill of materials that does not tell where the checkout was."""
    return materials.replace(ROOT.as_uri(), "file:///tidewaiter")


def checksums(folder: Path) -> str:
    """What `sha256sum --check` reads."""
    files = sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    )
    return "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in files
    )


def oversized(folder: Path) -> list[str]:
    """The zips that are larger than a zip may be."""
    return [
        f"{path.relative_to(folder)} has {path.stat().st_size:,} bytes, {LIMIT:,} is the limit"
        for path in sorted(folder.rglob("*.zip"))
        if path.stat().st_size > LIMIT
    ]


def pack(architecture: str, functions: Path, bills: Path, folder: Path) -> None:
    """Writes the release of one architecture into the folder, beside that of the other."""
    names = sorted(
        path.name for path in (ROOT / "functions").iterdir() if path.is_dir()
    )
    binaries = {name: functions / name / "bootstrap" for name in names}
    for name, binary in binaries.items():
        if not binary.is_file():
            raise PackageError(f"no `{binary}`: run `make build ARCH={architecture}`")
        if machine(binary.read_bytes()) != architecture:
            raise PackageError(f"`{name}` is not built for {architecture}")
    target = folder / architecture
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for name, packed in zip(binaries, pool.map(function, binaries.values())):
            (target / f"{name}.zip").write_bytes(packed)
    (folder / "policy-layer.zip").write_bytes(layer(INFRA / "policy"))
    template = plain((INFRA / "template.yaml").read_text(), version())
    (folder / "template.json").write_text(json.dumps(template, indent=1) + "\n")
    (folder / "scp.json").write_text(scp((ROOT / "docs" / "scp.md").read_text()))
    for name in ("organization", "sbom"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    for path in companions():
        shutil.copyfile(path, folder / "organization" / path.name)
    for path in sorted(bills.glob("*.cdx.json")):
        (folder / "sbom" / path.name).write_text(bill(path.read_text()))
    (folder / "SHA256SUMS").write_text(checksums(folder))
    if too_large := oversized(folder):
        raise PackageError("\n".join(too_large))


def machine(binary: bytes) -> str:
    """The architecture of an ELF binary."""
    code = int.from_bytes(binary[18:20], "little") if binary[:4] == b"\x7fELF" else 0
    return {0x3E: "x86_64", 0xB7: "arm64"}.get(code, "none that Lambda knows")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=ARCHITECTURES, required=True)
    parser.add_argument("--functions", type=Path, required=True)
    parser.add_argument("--bills", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    stated = parser.parse_args()
    folder = stated.into / f"tidewaiter-{version()}"
    try:
        pack(stated.architecture, stated.functions, stated.bills, folder)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder}: {len(list(folder.rglob('*.zip')))} zips, SHA256SUMS over all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
