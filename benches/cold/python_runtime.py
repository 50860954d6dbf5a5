"""Stand-in for the runtime interface client of Lambda's Python runtime.

    python python_runtime.py MODULE.FUNCTION

It imports the handler, and gives it one event after the other. As Lambda's, it writes down what is logged.
"""

import http.client
import importlib
import json
import logging
import os
import sys
from types import SimpleNamespace


def main() -> None:
    """Handle events until the process is ended."""
    logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
    sys.path.insert(0, os.getcwd())
    module, _, function = sys.argv[1].rpartition(".")
    handler = getattr(importlib.import_module(module), function)
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    invocations = "/2018-06-01/runtime/invocation"
    while True:
        connection.request("GET", f"{invocations}/next")
        response = connection.getresponse()
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        context = SimpleNamespace(
            aws_request_id=request_id,
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        )
        result = handler(json.load(response), context)
        response.read()
        connection.request(
            "POST", f"{invocations}/{request_id}/response", json.dumps(result)
        )
        connection.getresponse().read()


if __name__ == "__main__":
    main()
