"""Vulnerability scans of images in ECR, with findings seeded by the tests."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id

from local_aws import ecr_images, ecr_settings, eventbridge, on_behalf, shapes
from local_aws.ecr_images import EcrError, Image, page
from local_aws.pump import PUMP

#: How long a scan stays IN_PROGRESS.
SCAN_SECONDS = 0.1

#: Statuses that end a basic scan, and what its event calls them.
_FINAL = {"COMPLETE": "COMPLETE", "FAILED": "FAILED", "UNSUPPORTED_IMAGE": "FAILED"}

_DESCRIPTIONS = {
    "ACTIVE": "Continuous scan is selected for image.",
    "COMPLETE": "The scan was completed successfully.",
    "IN_PROGRESS": "The scan is in progress.",
    "UNSUPPORTED_IMAGE": "The operating system or packages are not supported.",
}


@dataclass
class Scan:
    """The scan of one image."""

    status: str = "COMPLETE"
    description: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)
    enhanced: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    completed_at: float = 0.0

    def status_member(self) -> dict[str, str]:
        """Return the ``imageScanStatus`` member of an answer."""
        description = self.description or _DESCRIPTIONS.get(self.status, self.status)
        return {"status": self.status, "description": description}


#: What the next scan of an image will find, by repository and digest.
_SEEDS = AccountRegionScopedDict()


def make(
    *,
    findings: list[dict[str, Any]] | None = None,
    enhanced_findings: list[dict[str, Any]] | None = None,
    enhanced: bool | None = None,
    status: str | None = None,
    description: str = "",
    counts: dict[str, int] | None = None,
) -> Scan:
    """Build a scan; the severity counts follow from the findings unless given."""
    is_enhanced = bool(enhanced_findings) if enhanced is None else enhanced
    member = "enhancedFindings" if is_enhanced else "findings"
    shape = shapes.service_model("ecr").shape_for("ImageScanFindings").members[member]
    chosen = (enhanced_findings if is_enhanced else findings) or []
    found = shapes.with_epoch_dates(copy.deepcopy(chosen), shape)
    if counts is None:
        counts = {}
        for finding in found:
            severity = finding.get("severity", "UNDEFINED")
            counts[severity] = counts.get(severity, 0) + 1
    return Scan(
        status=status or ("ACTIVE" if is_enhanced else "COMPLETE"),
        description=description,
        findings=found,
        enhanced=is_enhanced,
        counts=counts,
    )


def seed(name: str, digest: str, scan: Scan) -> None:
    """Decide what the scans of an image find from now on."""
    _SEEDS[(name, digest)] = scan


def complete(name: str, image: Image, *, emit: bool = True) -> Scan:
    """End a scan of an image with what is seeded for it, and announce that."""
    scan: Scan = copy.deepcopy(_SEEDS.get((name, image["imageDigest"])) or make())
    scan.completed_at = time.time()
    image["_scan"] = scan
    if emit:
        _announce(name, image, scan)
    return scan


def _announce(name: str, image: Image, scan: Scan) -> None:
    arn = ecr_images.repository_arn(name)
    subject = {"image-digest": image["imageDigest"], "image-tags": image["imageTags"]}
    if scan.enhanced:
        shown = dict.fromkeys(("CRITICAL", "HIGH", "MEDIUM"), 0) | scan.counts
        counts = {**shown, "TOTAL": sum(scan.counts.values())}
        eventbridge.emit(
            "aws.inspector2",
            "Inspector2 Scan",
            {
                "scan-status": "INITIAL_SCAN_COMPLETE",
                "repository-name": arn,
                "finding-severity-counts": counts,
                **copy.deepcopy(subject),
                "version": "1.0",
            },
            [arn],
        )
    elif scan.status in _FINAL:
        detail = {
            "scan-status": _FINAL[scan.status],
            "repository-name": name,
            **copy.deepcopy(subject),
        }
        if _FINAL[scan.status] == "COMPLETE":
            detail["finding-severity-counts"] = scan.counts
        eventbridge.emit("aws.ecr", "ECR Image Scan", detail, [arn])


def begin(name: str, image: Image) -> None:
    """Start a scan that ends by itself a moment later."""
    scan = Scan(status="IN_PROGRESS")
    image["_scan"] = scan

    def finish() -> None:
        # Not if the image is gone, archived or was scanned anew meanwhile.
        still_there = any(image is other for other in ecr_images.images(name))
        if still_there and image.get("_scan") is scan:
            complete(name, image)

    PUMP.later(finish, delay=SCAN_SECONDS)


def summary(image: Image) -> dict[str, Any]:
    """Return what DescribeImages tells of a scan: nothing of a basic one."""
    scan: Scan | None = image.get("_scan")
    if scan is None or not scan.enhanced:
        return {}
    return {
        "imageScanStatus": scan.status_member(),
        "imageScanFindingsSummary": {
            "findingSeverityCounts": scan.counts,
            "imageScanCompletedAt": scan.completed_at,
            "vulnerabilitySourceUpdatedAt": scan.completed_at,
        },
    }


def start_image_scan(data: dict[str, Any]) -> dict[str, Any]:
    """StartImageScan."""
    name = data["repositoryName"]
    image = ecr_images.find(name, data["imageId"])
    if ecr_settings.scan_type() == "ENHANCED":
        raise EcrError("ValidationException", "This feature is disabled")
    if ecr_images.status(image) == "ARCHIVED":
        raise EcrError(
            "ImageArchivedException",
            f"The image with digest '{image['imageDigest']}' is archived "
            "and cannot be scanned",
        )
    if ecr_images.is_index(image):
        raise EcrError(
            "UnsupportedImageTypeException",
            f"An artifact with media type '{image['imageManifestMediaType']}' "
            "cannot be scanned",
        )
    begin(name, image)
    return {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageId": {**data["imageId"], "imageDigest": image["imageDigest"]},
        "imageScanStatus": {"status": "IN_PROGRESS"},
    }


def describe_findings(data: dict[str, Any]) -> dict[str, Any]:
    """DescribeImageScanFindings."""
    name = data["repositoryName"]
    image = ecr_images.find(name, data["imageId"])
    page([], data)  # checks the paging parameters
    answer: dict[str, Any] = {
        "registryId": get_account_id(),
        "repositoryName": name,
        "imageId": {**data["imageId"], "imageDigest": image["imageDigest"]},
    }
    if ecr_images.status(image) == "ARCHIVED":
        archived = {"status": "IMAGE_ARCHIVED", "description": "The image is archived."}
        return {**answer, "imageScanStatus": archived}
    scan: Scan | None = image.get("_scan")
    if scan is None:
        raise EcrError(
            "ScanNotFoundException",
            f"Image scan does not exist for the image with "
            f"'{{imageDigest:'{image['imageDigest']}'}}' in the repository with name "
            f"'{name}' in the registry with id '{get_account_id()}'",
        )
    if scan.enhanced and not on_behalf.may_inspect():
        raise EcrError("AccessDeniedException", "Amazon Inspector may not be asked.")
    answer["imageScanStatus"] = scan.status_member()
    if scan.status in ("COMPLETE", "ACTIVE") or scan.findings or scan.counts:
        found, token = page(scan.findings, data)
        answer["imageScanFindings"] = {
            "enhancedFindings" if scan.enhanced else "findings": found,
            "findingSeverityCounts": scan.counts,
            "imageScanCompletedAt": scan.completed_at,
            "vulnerabilitySourceUpdatedAt": scan.completed_at,
        }
        answer.update(token)
    return answer


def handlers() -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """Return the API calls served here."""
    return {
        "StartImageScan": start_image_scan,
        "DescribeImageScanFindings": describe_findings,
    }


def reset() -> None:
    """Forget what is seeded."""
    _SEEDS.clear()
