"""The stack as the CDK construct describes it, deployed the way the CDK's command line does: assets into a bucket, then the template."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

CDK = Path(__file__).resolve().parents[2] / "infra" / "cdk"
# Of the app that says the template's parameters with the properties of the construct.
APP = CDK / "dist" / "test" / "stated.js"
STACK = "e2e"


class SynthesisError(Exception):
    """The app could not be synthesized."""


def synthesize(parameters: dict[str, str], region: str, into: Path) -> None:
    """Writes the cloud assembly of a stack with these parameters."""
    if not APP.exists():
        raise SynthesisError("the construct is not built: run `make cdk`")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "AWS_DEFAULT_REGION": region,
        "CDK_OUTDIR": str(into),
        "TIDEWAITER_PARAMETERS": json.dumps(parameters),
    }
    done = subprocess.run(
        ["node", str(APP)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SynthesisError(done.stderr[-4000:])


def deploy(
    client: Any, *, name: str, region: str, account: str, parameters: dict[str, str]
) -> None:
    """Synthesizes and deploys. `client` makes a client of a service in the region."""
    with tempfile.TemporaryDirectory() as folder:
        synthesize(parameters, region, Path(folder))
        url = _publish(client, Path(folder), region, account)
    # What `cdk bootstrap` leaves behind, and every synthesized template asks for.
    client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
    )
    cloudformation = client("cloudformation")
    # As the CDK's command line does: the transform wants a change set.
    change_set = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="cdk",
        ChangeSetType="CREATE",
        TemplateURL=url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("change_set_create_complete").wait(
        ChangeSetName=change_set["Id"], WaiterConfig={"Delay": 1}
    )
    cloudformation.execute_change_set(ChangeSetName=change_set["Id"])
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )


def _publish(client: Any, folder: Path, region: str, account: str) -> str:
    """Puts the assets where the manifest wants them, and gives the address of the template."""
    manifest = json.loads((folder / f"{STACK}.assets.json").read_text())
    s3 = client("s3")
    url = ""
    made: set[str] = set()
    for asset in manifest["files"].values():
        source, (destination,) = asset["source"], asset["destinations"].values()
        bucket = destination["bucketName"]
        for variable, value in {
            "${AWS::AccountId}": account,
            "${AWS::Region}": region,
            "${AWS::Partition}": "aws",
        }.items():
            bucket = bucket.replace(variable, value)
        if bucket not in made:
            _make_bucket(s3, bucket, region)
            made.add(bucket)
        path = folder / source["path"]
        body = _zipped(path) if source["packaging"] == "zip" else path.read_bytes()
        s3.put_object(Bucket=bucket, Key=destination["objectKey"], Body=body)
        address = (
            f"https://s3.{region}.amazonaws.com/{bucket}/{destination['objectKey']}"
        )
        if source["path"] == f"{STACK}.template.json":
            url = address
    return url


def _make_bucket(s3: Any, bucket: str, region: str) -> None:
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(
        Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {})
    )


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()
