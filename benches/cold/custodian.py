"""Pack a policy of Cloud Custodian as its own deployment does, with the Python that has it.

    python custodian.py FOLDER TOPIC_ARN

It writes FOLDER/function.zip, with the policy's configuration and Custodian's handler, and unpacks
beside it what is the policy's own: what else is in the zip is what this Python imports anyway.
"""

import io
import sys
import zipfile
from pathlib import Path

from c7n.config import Config
from c7n.loader import PolicyLoader
from c7n.mu import PolicyLambda
from c7n.resources import load_resources


def policy(topic_arn: str) -> dict:
    """Deregister a task definition with a privileged container as it is registered, and tell of it."""
    return {
        "name": "privileged-task-definition",
        "resource": "ecs-task-definition",
        "mode": {
            "type": "cloudtrail",
            "role": "arn:aws:iam::444455556666:role/custodian",
            "events": [
                {
                    "source": "ecs.amazonaws.com",
                    "event": "RegisterTaskDefinition",
                    "ids": "responseElements.taskDefinition.taskDefinitionArn",
                }
            ],
        },
        "filters": [
            {
                "type": "value",
                "key": "length(containerDefinitions[?privileged])",
                "op": "gt",
                "value": 0,
            }
        ],
        "actions": [
            "delete",
            {
                "type": "notify",
                "to": ["on-call"],
                "transport": {"type": "sns", "topic": topic_arn},
            },
        ],
    }


def main() -> None:
    """Pack it."""
    folder, topic_arn = Path(sys.argv[1]), sys.argv[2]
    region, account = topic_arn.split(":")[3:5]
    load_resources(("aws.ecs-task-definition",))
    options = Config.empty(region=region, account_id=account, output_dir="/tmp")
    (loaded,) = PolicyLoader(options).load_data(
        {"policies": [policy(topic_arn)]}, "policy.yml"
    )
    loaded.validate()
    archive = PolicyLambda(loaded).get_archive().get_bytes()
    (folder / "function.zip").write_bytes(archive)
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        for name in ("config.json", "custodian_policy.py"):
            packed.extract(name, folder)


if __name__ == "__main__":
    main()
