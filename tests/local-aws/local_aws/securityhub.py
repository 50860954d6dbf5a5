"""As much of Security Hub, which MiniStack does not have, as a channel uses: BatchImportFindings."""

from __future__ import annotations

import json
from typing import Any

from ministack.core.responses import request_scope

from local_aws.authorization import permitted
from local_aws.identity import Caller

#: The name of the service in a signature.
SERVICE = "securityhub"


def answer(
    caller: Caller, region: str, path: str, body: bytes
) -> tuple[int, dict[str, Any]]:
    """Return status and answer of a request: every finding is imported if the caller may."""
    if path != "/findings/import":
        return 404, {"Code": "ResourceNotFoundException", "Message": path}
    findings = json.loads(body or b"{}").get("Findings", [])
    for finding in findings:
        with request_scope(caller.account, region):
            allowed = caller.role_arn is None or permitted(
                caller.role_arn,
                "securityhub:BatchImportFindings",
                finding.get("ProductArn", ""),
                by=None,
                keys={"securityhub:TargetAccount": finding.get("AwsAccountId")},
            )
        if not allowed:
            message = "not authorized to perform: securityhub:BatchImportFindings"
            return 403, {"Code": "AccessDeniedException", "Message": message}
    return 200, {
        "FailedCount": 0,
        "SuccessCount": len(findings),
        "FailedFindings": [],
    }
