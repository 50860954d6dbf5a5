"""The stack as the CDK construct deploys it. The whole suite runs on it with TIDEWAITER_STACK_FROM=cdk."""

from __future__ import annotations

import pytest
from local_aws.process import LocalAws
from stack import Stack, eventually, hardened, privileged


@pytest.fixture(scope="module")
def stack(aws: LocalAws) -> Stack:
    return Stack(aws, "enforce", "ap-southeast-2", name="cdk", by="cdk").deploy()


def test_a_privileged_definition_ends_inactive_and_is_told(stack: Stack) -> None:
    ecs = stack.client("ecs")
    ecs.register_task_definition(**hardened("kept"))
    ecs.register_task_definition(**privileged("synthesized"))
    eventually(
        "synthesized:1 to be inactive",
        lambda: stack.status("synthesized:1") == "INACTIVE",
    )
    (told,) = eventually("it to be told", lambda: stack.alerts_about("synthesized:1"))
    assert told["alert"]["decision"] == "deny"
    stack.handled("TaskDefinitionGuard", "kept:1")
    assert stack.status("kept:1") == "ACTIVE"


def test_it_has_what_the_template_has(stack: Stack, enforce: Stack) -> None:
    def resources(of: Stack) -> set[tuple[str, str]]:
        pages = of.client("cloudformation").get_paginator("list_stack_resources")
        return {
            (each["LogicalResourceId"], each["ResourceType"])
            for page in pages.paginate(StackName=of.name)
            for each in page["StackResourceSummaries"]
            # The identifier of a layer version is made from what is in it.
            if each["ResourceType"] != "AWS::Lambda::LayerVersion"
        }

    assert resources(stack) == resources(enforce)
    assert stack.outputs.keys() == enforce.outputs.keys()
