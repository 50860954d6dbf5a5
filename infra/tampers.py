"""Calls by which somebody tampers with the stack, as CloudTrail records them, and calls that are nobody's business.

Written after what CloudTrail's and each service's documentation shows of a record. Resources
are called as `evaluated.py` has them.
"""

from evaluated import STACK_ID

# The beginning of the names of the rules that watch.
OWN = f"tidewaiter-{STACK_ID.rsplit('/', 1)[-1]}"


def call(source, name, /, **parameters):
    """A call that somebody with a role made by hand."""
    return {
        "source": f"aws.{source}",
        "detail-type": "AWS API Call via CloudTrail",
        "account": "111122223333",
        "detail": {
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "eventTime": "2026-11-23T10:00:00Z",
            "awsRegion": "eu-west-1",
            "eventID": "11111111-2222-3333-4444-555555555555",
            "sourceIPAddress": "203.0.113.4",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLE:ada",
                "sessionContext": {"sessionIssuer": {"userName": "admin"}},
            },
            "requestParameters": parameters,
            "responseElements": None,
        },
    }


def arn(service, resource):
    return f"arn:aws:{service}:eu-west-1:111122223333:{resource}"


TOPIC, KEY = "ref:AlertTopic", "ref:AlertKey"
LAMBDA = {
    "code": "UpdateFunctionCode20150331v2",
    "configuration": "UpdateFunctionConfiguration20150331v2",
    "deletion": "DeleteFunction20150331",
    "concurrency": "PutFunctionConcurrency20171031",
    "no concurrency": "DeleteFunctionConcurrency20171031",
    "permission": "AddPermission20150331v2",
    "permission gone": "RemovePermission20150331v2",
    "retries": "PutFunctionEventInvokeConfig",
    "other retries": "UpdateFunctionEventInvokeConfig",
    "no retries": "DeleteFunctionEventInvokeConfig",
    "URL": "CreateFunctionUrlConfig",
    "runtime": "PutRuntimeManagementConfig",
    # The documentation: the name "might include date and version information".
    "a version to come": "UpdateFunctionCode20990101v9",
}
TAMPERS = [
    *(
        ("RulesTampered", call("events", name, name="ref:ImagePushed"))
        for name in ("DisableRule", "DeleteRule", "PutRule")
    ),
    ("RulesTampered", call("events", "DisableRule", name="ref:ChannelsDue")),
    ("RulesTampered", call("events", "DisableRule", name="ref:AlertPutOnBus")),
    ("RulesTampered", call("events", "DisableRule", name=f"{OWN}-targets")),
    *(
        ("TargetsTampered", call("events", name, rule="ref:TaskChanged", ids=["1"]))
        for name in ("PutTargets", "RemoveTargets")
    ),
    ("TargetsTampered", call("events", "RemoveTargets", rule=f"{OWN}-rules")),
    ("WatchTampered", call("events", "DisableRule", name=f"{OWN}-rules")),
    ("WatchTampered", call("events", "PutTargets", rule=f"{OWN}-targets")),
    *(
        ("FunctionsTampered", call("lambda", name, functionName="ref:Notify"))
        for name in LAMBDA.values()
    ),
    *(
        (
            "FunctionsTampered",
            call("lambda", "DeleteFunction20150331", functionName=name),
        )
        for name in (
            "ref:ImageScanGuard",
            arn("lambda", "function:ref:ImageScanGuard"),
            "111122223333:function:ref:ImageScanGuard",
            "<ImageScanGuard>:$LATEST",
            arn("lambda", "function:<ImageScanGuard>:$LATEST"),
        )
    ),
    *(
        (
            "MappingsTampered",
            call("lambda", name, **{member: "ref:ImageFindingsToImageScanGuard"}),
        )
        for name in (
            "UpdateEventSourceMapping20150331",
            "DeleteEventSourceMapping20150331",
        )
        for member in ("uUID", "uuid", "UUID")
    ),
    (
        "MappingsTampered",
        call(
            "lambda",
            "CreateEventSourceMapping20150331",
            functionName="thief",
            eventSourceArn="att:Alerts.Arn",
        ),
    ),
    *(
        ("RolesTampered", call("iam", name, roleName="ref:ImageScanGuardRole"))
        for name in (
            "PutRolePolicy",
            "DeleteRolePolicy",
            "AttachRolePolicy",
            "DetachRolePolicy",
            "UpdateAssumeRolePolicy",
            "DeleteRole",
            "PutRolePermissionsBoundary",
        )
    ),
    ("RolesTampered", call("iam", "PutRolePolicy", roleName="ref:HubPipeRole")),
    *(
        ("TopicsTampered", call("sns", name, topicArn=topic))
        for name in ("SetTopicAttributes", "DeleteTopic", "RemovePermission")
        for topic in (TOPIC, "ref:TamperTopic")
    ),
    *(
        ("TopicsTampered", call("sns", name, subscriptionArn=f"<{topic}>:1-2-3"))
        for name in ("Unsubscribe", "SetSubscriptionAttributes")
        for topic in ("AlertTopic", "TamperTopic")
    ),
    *(
        (rule, call("sqs", name, queueUrl=f"https://{host}/111122223333/att:{queue}"))
        for name in ("SetQueueAttributes", "DeleteQueue", "PurgeQueue")
        for host in ("sqs.eu-west-1.amazonaws.com", "eu-west-1.queue.amazonaws.com")
        for rule, queue in (
            ("QueuesTampered", "ImageFindings.QueueName"),
            ("QueuesTampered", "NotifyDeadLetters.QueueName"),
            ("DeadLettersTampered", "ImagePushedDeadLetters.QueueName"),
            ("DeadLettersTampered", "TamperDeadLetters.QueueName"),
            ("DeadLettersTampered", "HubAlerts.QueueName"),
        )
    ),
    *(
        ("KeysTampered", call("kms", name, keyId=key))
        for name in ("DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy")
        for key in (KEY, arn("kms", f"key/{KEY}"), "ref:TamperKey")
    ),
    *(
        ("LedgerTampered", call("dynamodb", name, tableName=table))
        for name in ("DeleteTable", "UpdateTimeToLive", "UpdateContinuousBackups")
        for table in ("ref:Ledger", arn("dynamodb", "table/ref:Ledger"))
    ),
    (
        "LedgerTampered",
        call(
            "dynamodb",
            "PutResourcePolicy",
            resourceArn=arn("dynamodb", "table/ref:Ledger"),
        ),
    ),
    *(
        (
            "LogsTampered",
            call("logs", name, logGroupName="/tidewaiter/<AWS::StackName>/notify"),
        )
        for name in ("DeleteLogGroup", "PutRetentionPolicy", "DeleteLogStream")
    ),
    *(
        ("TrailsTampered", call("cloudtrail", name, name="any"))
        for name in ("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors")
    ),
    *(
        (
            "AlarmsTampered",
            call("monitoring", name, alarmNames=["x", "<AWS::StackName>-PolicyAlarm"]),
        )
        for name in ("DeleteAlarms", "DisableAlarmActions")
    ),
    (
        "AlarmsTampered",
        call("monitoring", "PutMetricAlarm", alarmName="<AWS::StackName>-PolicyAlarm"),
    ),
    *(
        ("StackTampered", call("cloudformation", name, stackName=spelled))
        for name in (
            "DeleteStack",
            "UpdateStack",
            "ExecuteChangeSet",
            "UpdateTerminationProtection",
        )
        for spelled in ("ref:AWS::StackName", STACK_ID)
    ),
    (
        "StackTampered",
        call(
            "cloudformation",
            "ExecuteChangeSet",
            changeSetName=arn("cloudformation", "changeSet/x/1"),
        ),
    ),
    ("PipeTampered", call("pipes", "StopPipe", name="ref:HubPipe")),
]

# Of others, or changing nothing.
OTHERS = [
    call("events", "DisableRule", name="others"),
    call("events", "EnableRule", name="ref:ImagePushed"),
    call("events", "PutTargets", rule="others"),
    call("lambda", "UpdateFunctionCode20150331v2", functionName="others"),
    call("lambda", "GetFunction20150331v2", functionName="ref:ImageScanGuard"),
    call("lambda", "UpdateEventSourceMapping20150331", uUID="others"),
    call("iam", "PutRolePolicy", roleName="others"),
    call("iam", "PassRole", roleName="ref:ImageScanGuardRole"),
    call("sns", "SetTopicAttributes", topicArn=arn("sns", "others")),
    call("sns", "Subscribe", topicArn=TOPIC),
    call("sns", "Unsubscribe", subscriptionArn=arn("sns", "others:1")),
    call("sqs", "PurgeQueue", queueUrl="https://sqs.eu-west-1.amazonaws.com/1/others"),
    call("kms", "DisableKey", keyId="others"),
    call("dynamodb", "DeleteTable", tableName="others"),
    call("logs", "DeleteLogGroup", logGroupName="/aws/lambda/others"),
    call("monitoring", "DeleteAlarms", alarmNames=["others"]),
    call("cloudformation", "DeleteStack", stackName="others"),
    call("cloudformation", "ExecuteChangeSet", stackName="others", changeSetName="x"),
    call("cloudtrail", "StartLogging", name="any"),
    call("pipes", "StopPipe", name="others"),
]
