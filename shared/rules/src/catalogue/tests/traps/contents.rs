//! Of rules about limits, secrets, images, logs, volumes and roles.

use super::Trap;

pub(super) const TRAPS: &[Trap] = &[
    ("missing-memory-limit", r#""memoryReservation":128"#, true),
    ("missing-memory-limit", r#""memory":256"#, false),
    ("missing-memory-limit", r#"/"memory":"512""#, false),
    (
        "missing-memory-limit",
        r#"/"memory":"512","runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2025_CORE"}"#,
        true,
    ),
    ("missing-cpu-limit", r#""cpu":0"#, true),
    ("missing-cpu-limit", r#""cpu":null"#, true),
    ("missing-cpu-limit", r#"/"cpu":"1 vCPU""#, false),
    (
        "secret-in-environment",
        r#""environment":[{"name":"db_password","value":"correct horse"}]"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"AWS_SECRET_ACCESS_KEY","value":"correct horse"}]"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"ECS_ENGINE_AUTH_DATA","value":"correct horse"}]"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"DB_PASSWORD_FILE","value":"/run/secrets/db"}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"DB_SECRET_ARN","value":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:a"}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"SECRET_NAME","value":"production-db"}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"TOKEN_TYPE","value":"bearer"}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"TOKEN_URL","value":"https://login.example/token"}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"DB_PASSWORD","value":""}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""environment":[{"name":"DB_PASSWORD","value":"${DB_PASSWORD}"}]"#,
        false,
    ),
    (
        "secret-in-environment",
        r#""command":["--password","correct horse"]"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""entryPoint":["sh","-c","app --token=hunter2hunter2"]"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""healthCheck":{"command":["CMD","psql","postgres://app:hunter2@db/app"]}"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""dockerLabels":{"api.token":"correct horse"}"#,
        true,
    ),
    (
        "secret-in-environment",
        r#""logConfiguration":{"logDriver":"splunk","options":{"splunk-token":"correct horse"}}"#,
        true,
    ),
    (
        "missing-log-configuration",
        r#""logConfiguration":{}"#,
        true,
    ),
    (
        "missing-log-configuration",
        r#""logConfiguration":{"logDriver":"awsfirelens"}"#,
        false,
    ),
    (
        "blocking-log-driver",
        r#""logConfiguration":{"logDriver":"awslogs","options":{"mode":"blocking"}}"#,
        true,
    ),
    (
        "blocking-log-driver",
        r#""logConfiguration":{"logDriver":"awslogs","options":{}}"#,
        false,
    ),
    (
        "unencrypted-efs-volume",
        r#"/"volumes":[{"name":"v"},{"name":"w","efsVolumeConfiguration":{"fileSystemId":"fs-1"}}]"#,
        true,
    ),
    (
        "unencrypted-efs-volume",
        r#"/"volumes":[{"name":"v","fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-1"}}]"#,
        false,
    ),
    (
        "efs-without-access-point",
        r#"/"volumes":[{"name":"v","efsVolumeConfiguration":{"authorizationConfig":{"accessPointId":"a"}}}]"#,
        true,
    ),
    (
        "efs-without-access-point",
        r#"/"volumes":[{"name":"v","efsVolumeConfiguration":{"authorizationConfig":{"accessPointId":"a","iam":"ENABLED"}}}]"#,
        false,
    ),
    (
        "latest-image-tag",
        r#""image":"registry.example:5000/app""#,
        true,
    ),
    (
        "latest-image-tag",
        r#""image":"registry.example:5000/app:1""#,
        false,
    ),
    ("latest-image-tag", r#""image":"app:latest@DIGEST""#, false),
    ("latest-image-tag", r#""image":"app@DIGEST""#, false),
    ("unpinned-image", r#""image":"app:1.4@DIGEST""#, false),
    ("unpinned-image", r#""image":"app:1.4""#, true),
    ("untrusted-registry", r#""image":"nginx""#, true),
    ("untrusted-registry", r#""image":"someone/app:1""#, true),
    (
        "untrusted-registry",
        r#""image":"public.ecr.aws/docker/library/nginx:1""#,
        true,
    ),
    (
        "untrusted-registry",
        r#""image":"public.ecr.aws/aws-observability/aws-otel-collector:1""#,
        false,
    ),
    (
        "untrusted-registry",
        r#""image":"111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1""#,
        false,
    ),
    (
        "untrusted-registry",
        r#""image":"111122223333.dkr.ecr-fips.us-east-1.amazonaws.com/app:1""#,
        false,
    ),
    (
        "untrusted-registry",
        r#""image":"111122223333.dkr-ecr.eu-west-1.on.aws/app:1""#,
        false,
    ),
    (
        "untrusted-registry",
        r#""image":"111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1""#,
        false,
    ),
    (
        "untrusted-registry",
        r#""image":"111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example/app:1""#,
        true,
    ),
    (
        "version-consistency-disabled",
        r#""image":"app:1","versionConsistency":"disabled""#,
        true,
    ),
    (
        "version-consistency-disabled",
        r#""image":"app@DIGEST","versionConsistency":"disabled""#,
        false,
    ),
    (
        "shared-task-role",
        r#"/"taskRoleArn":"arn:aws:iam::111122223333:role/ecs/web","executionRoleArn":"web""#,
        true,
    ),
    (
        "shared-task-role",
        r#"/"taskRoleArn":"arn:aws:iam::111122223333:role/web","executionRoleArn":"arn:aws:iam::444455556666:role/web""#,
        false,
    ),
    ("shared-task-role", r#"/"executionRoleArn":"web""#, false),
    ("fault-injection", r#"/"enableFaultInjection":true"#, true),
    ("interactive-container", r#""pseudoTerminal":true"#, true),
    (
        "interactive-container",
        r#""interactive":false,"pseudoTerminal":false"#,
        false,
    ),
    (
        "missing-init-process",
        r#""restartPolicy":{"enabled":true}"#,
        true,
    ),
    (
        "missing-init-process",
        r#""linuxParameters":{"initProcessEnabled":false}"#,
        false,
    ),
    (
        "missing-health-check",
        r#""healthCheck":{"command":["NONE"]}"#,
        true,
    ),
    ("missing-health-check", r#""essential":false"#, false),
    ("container-links", r#""links":["db"]"#, true),
    ("container-links", r#""links":[]"#, false),
    (
        "fixed-host-port",
        r#""portMappings":[{"containerPort":80,"hostPort":8080}]"#,
        true,
    ),
    (
        "fixed-host-port",
        r#""portMappings":[{"containerPort":80,"hostPort":0}]"#,
        false,
    ),
    (
        "fixed-host-port",
        r#""portMappings":[{"containerPort":80}]"#,
        false,
    ),
    (
        "metadata-service-access",
        r#""extraHosts":[{"hostname":"h","ipAddress":"169.254.169.254"}]"#,
        true,
    ),
    (
        "metadata-service-access",
        r#""environment":[{"name":"NO_PROXY","value":"169.254.169.254"}]"#,
        false,
    ),
    (
        "plaintext-domain-credentials",
        r#""credentialSpecs":["credentialspecdomainless:arn:aws:ssm:eu-west-1:111122223333:parameter/a"]"#,
        false,
    ),
    (
        "plaintext-domain-credentials",
        r#""dockerSecurityOptions":["credentialspec:arn:aws:s3:::b/k"]"#,
        true,
    ),
    ("shared-task-pid", r#"/"pidMode":"task""#, false),
    ("environment-file", r#""environmentFiles":[]"#, false),
    (
        "environment-file",
        r#""environmentFiles":[{"type":"s3","value":"arn:aws:s3:::b/k.env"}]"#,
        true,
    ),
];
