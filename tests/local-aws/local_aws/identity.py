"""Who makes a call: from an access key to the role or user behind it."""

from __future__ import annotations

import base64
import hashlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import iam, sts

from local_aws import SECRET_ACCESS_KEY

#: The role that callers with the account's own key (its 12 digits) appear as.
DEFAULT_ROLE = "Deployer"
DEFAULT_SESSION = "local"


def _unique_id(prefix: str, text: str) -> str:
    """Return an id like IAM's: a prefix and 16 capital letters and digits."""
    digest = hashlib.sha256(text.encode()).digest()
    return prefix + base64.b32encode(digest).decode()[:16]


@dataclass(frozen=True)
class Caller:
    """The principal behind a request."""

    account: str
    access_key: str
    #: ARN of the assumed role session or of the user.
    arn: str
    #: ARN of the role, None for a user.
    role_arn: str | None
    session_since: str = "2026-01-01T00:00:00Z"

    @property
    def name(self) -> str:
        """ARN of the role or of the user, as the list of calls shows it."""
        return self.role_arn or self.arn

    def user_identity(self) -> dict[str, Any]:
        """Return the ``userIdentity`` element of a CloudTrail record."""
        if self.role_arn is None:
            user = self.arn.rsplit("/", 1)[-1]
            return {
                "type": "IAMUser",
                "principalId": _unique_id("AIDA", self.arn),
                "arn": self.arn,
                "accountId": self.account,
                "accessKeyId": self.access_key,
                "userName": user,
            }
        role_id = _unique_id("AROA", self.role_arn)
        session = self.arn.rsplit("/", 1)[-1]
        return {
            "type": "AssumedRole",
            "principalId": f"{role_id}:{session}",
            "arn": self.arn,
            "accountId": self.account,
            "accessKeyId": self.access_key,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": role_id,
                    "arn": self.role_arn,
                    "accountId": self.account,
                    "userName": self.role_arn.rsplit("/", 1)[-1],
                },
                "attributes": {
                    "creationDate": self.session_since,
                    "mfaAuthenticated": "false",
                },
            },
        }


@dataclass(frozen=True)
class RequestInfo:
    """What a CloudTrail record says about the request besides its content."""

    caller: Caller
    user_agent: str
    source_ip: str
    #: Set to a service name when that service makes the call for somebody.
    invoked_by: str | None = None


#: The request being served, for code deep inside MiniStack's handlers.
CURRENT: ContextVar[RequestInfo | None] = ContextVar("local_aws_request", default=None)


def default_caller(account: str) -> Caller:
    """Return who calls with the account's own key, or with none."""
    return Caller(
        account=account,
        access_key=_unique_id("ASIA", account),
        arn=f"arn:aws:sts::{account}:assumed-role/{DEFAULT_ROLE}/{DEFAULT_SESSION}",
        role_arn=f"arn:aws:iam::{account}:role/{DEFAULT_ROLE}",
    )


def resolve(access_key: str, account: str) -> Caller:
    """Return the caller that an access key belongs to."""
    session = sts._sessions.get(access_key)
    if session:
        arn = str(session.get("Arn", ""))
        owner = arn.split(":")[4] if arn.count(":") >= 5 else account
        role_arn = session.get("RoleArn")
        if role_arn is None and ":assumed-role/" in arn:
            name = arn.split("/")[1]
            role = iam._roles.get_scoped(owner, None, name) or {}
            role_arn = role.get("Arn", f"arn:aws:iam::{owner}:role/{name}")
        return Caller(owner, access_key, arn, role_arn)
    record = iam._access_keys.get_scoped(account, None, access_key)
    if record:
        name = record.get("UserName", "")
        user = iam._users.get_scoped(account, None, name) or {}
        arn = user.get("Arn", f"arn:aws:iam::{account}:user/{name}")
        return Caller(account, access_key, arn, None)
    return default_caller(account)


def current() -> RequestInfo:
    """Return the request being served, or a stand-in outside of any."""
    return CURRENT.get() or RequestInfo(
        default_caller(get_account_id()), "local-aws", "127.0.0.1"
    )


def function_credentials(config: dict[str, Any]) -> dict[str, str]:
    """Return the credentials a Lambda function gets: a session of its role.

    ``config`` is the function's configuration. The session is registered with
    MiniStack's STS, which is how the account of the key becomes known.
    """
    function_arn = config["FunctionArn"]
    account = function_arn.split(":")[4]
    role_arn = config.get("Role") or f"arn:aws:iam::{account}:role/none"
    session_name = config.get("FunctionName", "function")[:64]
    key = _unique_id("ASIA", f"{function_arn} {role_arn}")
    token = hashlib.sha256(key.encode()).hexdigest()
    role_name = role_arn.rsplit("/", 1)[-1]
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
            "UserId": f"{_unique_id('AROA', role_arn)}:{session_name}",
            "SecretAccessKey": SECRET_ACCESS_KEY,
            "SessionToken": token,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "RoleArn": role_arn,
        },
    )
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_SESSION_TOKEN": token,
    }
