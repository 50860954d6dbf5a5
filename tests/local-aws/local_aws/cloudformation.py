"""What CloudFormation does besides creating resources, and what MiniStack drops.

A task definition or a repository in a stack is created through the ECS or ECR API,
and CloudTrail records that as a call that CloudFormation made for the deployer.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, lambda_svc, sns
from ministack.services import ecr as base_ecr
from ministack.services.cloudformation import provisioners as base

from local_aws import cloudtrail, ecs, identity, lambdas, shapes

Created = tuple[str, dict[str, Any]]
Create = Callable[[str, dict[str, Any], str], Created]

_BY = "cloudformation.amazonaws.com"


def _publish(
    service: str, action: str, params: dict[str, Any], answer: dict[str, Any]
) -> None:
    cloudtrail.publish(
        service=service,
        action=action,
        account=get_account_id(),
        region=get_region(),
        request=dataclasses.replace(identity.current(), invoked_by=_BY),
        params=params,
        answer=answer,
    )


def _create_task_definition(
    logical_id: str, props: dict[str, Any], stack_name: str
) -> Created:
    shape = shapes.service_model("ecs").shape_for("RegisterTaskDefinitionRequest")
    request = shapes.from_cloudformation(props, shape)
    request.setdefault("family", f"{stack_name}{logical_id}")
    status, _headers, body = ecs.register(request)
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"AWS::ECS::TaskDefinition: {answer.get('message')}")
    _publish("ecs", "RegisterTaskDefinition", request, answer)
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def _repository_creator(inner: Create) -> Create:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        name, attributes = inner(logical_id, props, stack_name)
        record = base_ecr._repositories[name]
        shown = base_ecr._repo_shape(record)
        members = ("imageTagMutability", "imageScanningConfiguration")
        request = {"repositoryName": name, **{key: shown[key] for key in members}}
        _publish("ecr", "CreateRepository", request, {"repository": shown})
        return name, attributes

    return create


def _function_creator(inner: Create) -> Create:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        name, attributes = inner(logical_id, props, stack_name)
        lambdas.keep_function_properties(props, lambda_svc._functions[name])
        return name, attributes

    return create


def _function_updater(inner: Callable[..., Created]) -> Callable[..., Created]:
    def update(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        *rest: Any,
        **more: Any,
    ) -> Created:
        name, attributes = inner(physical_id, old, new, *rest, **more)
        lambdas.keep_function_properties(new, lambda_svc._functions[name])
        return name, attributes

    return update


#: Properties of AWS::SNS::Topic that are attributes of the topic, too.
_TOPIC_ATTRIBUTES = (
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
    "FifoTopic",
    "ContentBasedDeduplication",
)


def _keep_topic_attributes(arn: str, props: dict[str, Any]) -> None:
    attributes = sns._topics[arn]["attributes"]
    for name in _TOPIC_ATTRIBUTES:
        if name in props:
            value = props[name]
            text = str(value).lower() if isinstance(value, bool) else str(value)
            attributes[name] = text
        else:
            attributes.pop(name, None)


def _topic_creator(inner: Create) -> Create:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        arn, attributes = inner(logical_id, props, stack_name)
        _keep_topic_attributes(arn, props)
        return arn, attributes

    return create


def _topic_updater(inner: Callable[..., Created]) -> Callable[..., Created]:
    def update(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        *rest: Any,
        **more: Any,
    ) -> Created:
        arn, attributes = inner(physical_id, old, new, *rest, **more)
        _keep_topic_attributes(arn, new)
        return arn, attributes

    return update


def _table_creator(inner: Create) -> Create:
    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Created:
        name, attributes = inner(logical_id, props, stack_name)
        dynamodb._tables[name]["SSEDescription"] = dynamodb._sse_description_from_spec(
            _sse_request(props.get("SSESpecification"))
        )
        recovery = props.get("PointInTimeRecoverySpecification") or {}
        dynamodb._pitr_settings[name] = _is_true(
            recovery.get("PointInTimeRecoveryEnabled")
        )
        expiry = props.get("TimeToLiveSpecification")
        if expiry:
            enabled = "ENABLED" if _is_true(expiry.get("Enabled")) else "DISABLED"
            dynamodb._ttl_settings[name] = {
                "TimeToLiveStatus": enabled,
                "AttributeName": expiry["AttributeName"],
            }
        return name, attributes

    return create


def _sse_request(specification: dict[str, Any] | None) -> dict[str, Any] | None:
    """CloudFormation's form of an SSESpecification as the API's."""
    if specification is None:
        return None
    request = {
        key: value for key, value in specification.items() if key != "SSEEnabled"
    }
    return {**request, "Enabled": _is_true(specification.get("SSEEnabled"))}


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def _repository_settings(inner: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    def settings(props: dict[str, Any]) -> dict[str, Any]:
        prefix = "ImageTagMutabilityExclusionFilter"
        filters = [
            {"filterType": item[f"{prefix}Type"], "filter": item[f"{prefix}Value"]}
            for item in props.get(f"{prefix}s") or []
        ]
        return {
            **inner(props),
            "imageTagMutabilityExclusionFilters": filters or None,
        }

    return settings


def install() -> None:
    """Wrap the provisioners of the resource types concerned."""
    kinds = base._RESOURCE_HANDLERS
    base._ecr_cfn_to_api = _repository_settings(base._ecr_cfn_to_api)
    base._ecs_task_def_create = _create_task_definition
    kinds["AWS::ECS::TaskDefinition"]["create"] = _create_task_definition
    repository = kinds["AWS::ECR::Repository"]
    repository["create"] = _repository_creator(repository["create"])
    topic = kinds["AWS::SNS::Topic"]
    topic["create"] = _topic_creator(topic["create"])
    topic["update"] = _topic_updater(topic["update"])
    table = kinds["AWS::DynamoDB::Table"]
    table["create"] = _table_creator(table["create"])
    function = kinds["AWS::Lambda::Function"]
    base._lambda_create = _function_creator(base._lambda_create)
    function["create"] = base._lambda_create
    function["update"] = _function_updater(function["update"])
