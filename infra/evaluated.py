"""The template as CloudFormation would be given it, for one set of parameters.

The SAM transform runs first, so resources that SAM adds are there too. Conditions and
functions are then evaluated. References to resources become readable strings:
`ref:AlertTopic`, `att:AlertKey.Arn`, `<AWS::Region>` within a text.
"""

import os
import re
from functools import cache
from pathlib import Path

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform wants one

TEXT = (Path(__file__).parent / "template.yaml").read_text()


# The stack's identifier in its last part, as CloudFormation has it.
STACK_ID = (
    "arn:aws:cloudformation:eu-west-1:111122223333:stack/tidewaiter/"
    "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
)


class NoManagedPolicies:
    """The transform asks for a loader; a template with its own roles never uses it."""

    def load(self):
        return {}


DROPPED = object()


class Stack:
    """The resources and outputs of one deployment."""

    def __init__(self, pseudo=(), **parameters):
        # Pseudo parameters stand as themselves unless somebody says what they are.
        self.pseudo = {"AWS::StackId": STACK_ID, **dict(pseudo)}
        source = yaml_parse(TEXT)
        self.parameters = {
            name: str(declared["Default"])
            for name, declared in source["Parameters"].items()
            if "Default" in declared
        } | parameters
        for resource in source["Resources"].values():
            for key in ("CodeUri", "ContentUri"):
                if key in resource.get("Properties", {}):
                    resource["Properties"][key] = "s3://bucket/key"
        self.template = transform(source, dict(self.parameters), NoManagedPolicies())
        self.resources = {
            name: self.resolve(resource)
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def holds(self, condition):
        if isinstance(condition, str):
            return self.holds(self.template["Conditions"][condition])
        ((function, argument),) = condition.items()
        match function:
            case "Fn::Equals":
                left, right = (str(self.resolve(side)) for side in argument)
                return left == right
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::Or":
                return any(self.holds(each) for each in argument)
            case "Condition":
                return self.holds(argument)
        raise NotImplementedError(function)

    def resolve(self, value):
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not DROPPED]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                if argument == "AWS::NoValue":
                    return DROPPED
                known = self.parameters | self.pseudo
                return known.get(argument, f"ref:{argument}")
            if function == "Fn::Select":
                index, members = argument
                return self.resolve(members)[int(index)]
            if function == "Fn::Split":
                separator, text = argument
                return self.resolve(text).split(separator)
            if function == "Fn::Join":
                separator, parts = argument
                parts = self.resolve(parts)
                # A list that is a parameter stands as its text.
                return separator.join([parts] if isinstance(parts, str) else parts)
            if function == "Fn::GetAtt":
                name = argument if isinstance(argument, str) else ".".join(argument)
                return f"att:{name}"
            if function == "Fn::Sub":
                text, given = argument if isinstance(argument, list) else (argument, {})
                given = {name: self.resolve(each) for name, each in given.items()}
                given = self.pseudo | given
                return re.sub(
                    r"\$\{([^}]+)}", lambda m: given.get(m[1], f"<{m[1]}>"), text
                )
            if function == "Fn::If":
                condition, then, otherwise = argument
                return self.resolve(then if self.holds(condition) else otherwise)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not DROPPED}

    def of_type(self, type_):
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == type_
        }

    def __getitem__(self, name):
        return self.resources[name]["Properties"]

    def role_statements(self, role):
        """Every statement of every policy that the role ends up with."""
        documents = [p["PolicyDocument"] for p in self[role]["Policies"]]
        documents += [
            policy["PolicyDocument"]
            for type_ in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
            for policy in self.of_type(type_).values()
            if f"ref:{role}" in policy.get("Roles", [])
        ]
        assert "ManagedPolicyArns" not in self[role], "judged by nobody here"
        return [s for document in documents for s in document["Statement"]]

    def role_actions(self, role):
        return {a for s in self.role_statements(role) for a in as_list(s["Action"])}


@cache
def stack(**parameters):
    return Stack(**parameters)


def as_list(value):
    """A value of a policy that may stand alone or in a list."""
    return value if isinstance(value, list) else [value]
