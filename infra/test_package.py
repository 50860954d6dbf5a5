"""What a release is packed into: the same zips wherever it is packed, a template without a transform, checksums over all."""

import hashlib
import io
import json
import re
import subprocess
import zipfile
import zlib

import package
import pytest
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = (package.INFRA / "template.yaml").read_text()


def deflate(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


# ---- zips --------------------------------------------------------------------------

FILES = {"b.txt": (b"b" * 1000, 0o644), "bootstrap": (b"\x7fELF", 0o755)}


def test_a_zip_holds_what_went_in():
    with zipfile.ZipFile(io.BytesIO(package.archive(FILES, deflate))) as packed:
        assert packed.testzip() is None
        assert packed.namelist() == ["b.txt", "bootstrap"]
        for name, (content, permissions) in FILES.items():
            assert packed.read(name) == content
            info = packed.getinfo(name)
            assert info.external_attr >> 16 == 0o100000 | permissions
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.create_system == 3, "Unix, or the permissions mean nothing"


def test_the_order_of_the_files_makes_no_difference():
    turned = dict(reversed(FILES.items()))
    assert package.archive(FILES, deflate) == package.archive(turned, deflate)


def test_time_and_place_of_the_files_make_no_difference(tmp_path):
    def at(place, mode):
        folder = tmp_path / place / "tidewaiter"
        folder.mkdir(parents=True)
        (folder / "policy.yaml").write_text("version: 1\n")
        (folder / "policy.yaml").chmod(mode)
        return package.layer(folder.parent, deflate)

    assert at("one", 0o600) == at("another/place", 0o755)


def test_the_layer_has_the_policy_where_the_functions_look_for_it():
    default = yaml_parse(TEMPLATE)["Parameters"]["PolicyPath"]["Default"]
    layer = package.layer(package.INFRA / "policy", deflate)
    with zipfile.ZipFile(io.BytesIO(layer)) as packed:
        assert default in {f"/opt/{name}" for name in packed.namelist()}


def test_a_zip_of_more_than_three_megabytes_is_refused(tmp_path):
    (tmp_path / "arm64").mkdir()
    (tmp_path / "arm64" / "fits.zip").write_bytes(b"0" * package.LIMIT)
    (tmp_path / "arm64" / "large.zip").write_bytes(b"0" * (package.LIMIT + 1))
    (said,) = package.oversized(tmp_path)
    assert said.startswith("arm64/large.zip has 3,000,001 bytes")


@pytest.mark.parametrize(
    ("header", "architecture"),
    [(b"\x3e\x00", "x86_64"), (b"\xb7\x00", "arm64"), (b"\x03\x00", "none that")],
)
def test_a_binary_says_what_it_was_built_for(header, architecture):
    assert package.machine(b"\x7fELF" + b"\0" * 14 + header).startswith(architecture)


# ---- the plain template ------------------------------------------------------------


@pytest.fixture(scope="module")
def plain():
    return package.plain(TEMPLATE, package.version())


def test_the_plain_template_has_no_transform_left(plain):
    assert "Transform" not in plain
    assert "Globals" not in plain
    types = {resource["Type"] for resource in plain["Resources"].values()}
    assert not [each for each in types if each.startswith("AWS::Serverless::")]


def test_the_plain_template_has_all_parameters_and_what_names_the_artifacts(plain):
    own = {"ArtifactBucket", "ArtifactPrefix", "PolicyLayerKey"}
    declared = yaml_parse(TEMPLATE)["Parameters"]
    assert plain["Parameters"].keys() == declared.keys() | own
    for name, parameter in declared.items():
        assert plain["Parameters"][name] == parameter
    assert "Default" not in plain["Parameters"]["Mode"]


def test_the_plain_template_takes_every_function_from_the_bucket_of_its_region(plain):
    source = yaml_parse(TEMPLATE)["Resources"]
    for name, resource in plain["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            folder = source[name]["Properties"]["CodeUri"].strip("/").split("/")[-1]
            assert (package.ROOT / "functions" / folder).is_dir()
            assert resource["Properties"]["Code"] == {
                "S3Bucket": {"Fn::Sub": "${ArtifactBucket}-${AWS::Region}"},
                "S3Key": {
                    "Fn::Sub": "${ArtifactPrefix}/${Architecture}/" + folder + ".zip"
                },
            }


def test_every_function_of_the_project_is_in_the_template(plain):
    in_template = re.findall(r"\$\{Architecture}/([a-z-]+)\.zip", json.dumps(plain))
    functions = (package.ROOT / "functions").iterdir()
    assert sorted(in_template) == sorted(each.name for each in functions)


def test_another_release_is_another_place(plain):
    prefix = plain["Parameters"]["ArtifactPrefix"]["Default"]
    assert prefix == f"tidewaiter-{package.version()}"


def test_the_plain_template_is_small_enough_for_cloudformation(plain):
    assert len(json.dumps(plain, indent=1)) < 1024 * 1024, "1 MB in a bucket"


# ---- beside them -------------------------------------------------------------------


def test_the_service_control_policy_is_within_what_organizations_takes():
    document = package.scp((package.ROOT / "docs" / "scp.md").read_text())
    assert json.loads(document)["Statement"][0]["Effect"] == "Deny"
    assert len(document) <= 5120


def test_a_bill_of_materials_does_not_tell_where_the_checkout_was():
    reference = {"bom-ref": f"path+{package.ROOT.as_uri()}/shared/aws#0.1.0"}
    said = json.loads(package.bill(json.dumps(reference)))
    assert said == {"bom-ref": "path+file:///tidewaiter/shared/aws#0.1.0"}


def test_checksums_are_what_sha256sum_checks(tmp_path):
    (tmp_path / "arm64").mkdir()
    (tmp_path / "arm64" / "a.zip").write_bytes(b"a")
    (tmp_path / "SHA256SUMS").write_text("old")
    text = package.checksums(tmp_path)
    assert text == f"{hashlib.sha256(b'a').hexdigest()}  arm64/a.zip\n"
    (tmp_path / "SHA256SUMS").write_text(text)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    subprocess.run(check, cwd=tmp_path, check=True, capture_output=True)


def test_what_an_organization_needs_is_packed():
    assert {path.name for path in package.companions()} == {
        "artifacts.yaml",
        "hub.yaml",
        "stackset.yaml",
        "protect.json",
        "global-events.yaml",
    }
    assert all(path.is_file() for path in package.companions())
