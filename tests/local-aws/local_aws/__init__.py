"""A local stand-in for AWS, for the demo and the end-to-end tests.

It runs MiniStack, the emulator, in one child process and adds the behaviours of
Amazon ECS, Amazon ECR, CloudTrail, EventBridge and Lambda that Tidewaiter relies
on and MiniStack does not have. Nothing listens outside 127.0.0.1 and no container
engine is needed.

Start it from Python with :class:`local_aws.process.LocalAws`, or from a shell with
``python -m local_aws``.
"""

#: The one MiniStack release these modules are written against. They reach into its
#: internals, so any other release is refused at start.
MINISTACK_VERSION = "1.5.33"

#: The account that every resource belongs to unless a caller picks another.
DEFAULT_ACCOUNT = "123456789012"

#: The region used where none is given.
DEFAULT_REGION = "us-east-1"

#: The secret that goes with every access key. It protects nothing.
SECRET_ACCESS_KEY = "test"
