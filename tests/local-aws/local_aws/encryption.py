"""Which KMS keys a call uses, in the name of whoever makes it.

What SNS, SQS, DynamoDB, Secrets Manager and Parameter Store ask of a key of the account's own, as
their guides say. Keys that AWS manages let everybody in who may use the service.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, kms, secretsmanager, sns, sqs, ssm

#: An action on a key, the key's ARN, and the condition keys of the request.
Use = tuple[str, str, dict[str, Any]]

_SEND = ("kms:GenerateDataKey", "kms:Decrypt")
_RECEIVE = ("kms:Decrypt",)
#: What each action asks of the key of the topic, the queue or the table.
_ASKS = {
    "sns:Publish": _SEND,
    "sqs:SendMessage": _SEND,
    "sqs:ReceiveMessage": _RECEIVE,
    # DynamoDB keeps the key of the table under that of the account, and has it decrypted for every principal.
    "dynamodb:GetItem": _RECEIVE,
    "dynamodb:PutItem": _RECEIVE,
    "dynamodb:UpdateItem": _RECEIVE,
    "dynamodb:DeleteItem": _RECEIVE,
    "dynamodb:Query": _RECEIVE,
    "dynamodb:Scan": _RECEIVE,
    "secretsmanager:GetSecretValue": _RECEIVE,
    "ssm:GetParameter": _RECEIVE,
}
_CONTEXT = "kms:EncryptionContext"


def _key_of(service: str, arn: str) -> tuple[str, dict[str, str]]:
    """Return the key under which something lies, and the encryption context it is used with."""
    if service == "sns":
        topic = sns._topics.get(arn) or {}
        key = topic.get("attributes", {}).get("KmsMasterKeyId", "")
        return key, {"aws:sns:topicArn": arn}
    if service == "sqs":
        queue = sqs._queue_by_arn(arn) or {}
        key = queue.get("attributes", {}).get("KmsMasterKeyId", "")
        return key, {"aws:sqs:arn": arn}
    if service == "secretsmanager":
        secret = secretsmanager._resolve(arn)[1] or {}
        return secret.get("KmsKeyId") or "", {"SecretARN": arn}
    if service == "ssm":
        name = arn.partition(":parameter")[2]
        known = ssm._parameters
        parameter = known.get(name) or known.get(name.lstrip("/")) or {}
        return parameter.get("KeyId") or "", {"PARAMETER_ARN": arn}
    name = arn.rsplit("/", 1)[-1]
    table = dynamodb._tables.get(name) or {}
    key = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn", "")
    subscriber = {"aws:dynamodb:subscriberId": get_account_id()}
    return key, {"aws:dynamodb:tableName": name, **subscriber}


def uses(action: str, resource: str) -> list[Use]:
    """Return what an action on a resource asks of the resource's key."""
    asks = _ASKS.get(action, ())
    if not asks or not resource.startswith("arn:"):
        return []
    service = action.split(":")[0]
    name, context = _key_of(service, resource)
    key = kms._resolve_key(name)
    if key is None or key.get("KeyManager") == "AWS":
        return []
    keys = {
        "kms:ViaService": f"{service}.{get_region()}.amazonaws.com",
        "kms:CallerAccount": get_account_id(),
        **{f"{_CONTEXT}:{name}": value for name, value in context.items()},
    }
    return [(asked, key["Arn"], keys) for asked in asks]
