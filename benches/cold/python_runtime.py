"""Stand-in for the runtime interface client of Lambda's Python runtime.

It imports the handler, and gives it one event after the other.
"""

import http.client
import json
import os

import boto3_handler


def main() -> None:
    """Handle events until the process is ended."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    invocations = "/2018-06-01/runtime/invocation"
    while True:
        connection.request("GET", f"{invocations}/next")
        response = connection.getresponse()
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        result = boto3_handler.handler(json.load(response), None)
        response.read()
        connection.request(
            "POST", f"{invocations}/{request_id}/response", json.dumps(result)
        )
        connection.getresponse().read()


if __name__ == "__main__":
    main()
