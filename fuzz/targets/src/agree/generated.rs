//! Task definitions as `RegisterTaskDefinition` takes them, made from what libFuzzer makes up. Every
//! value has a type that ECS accepts, because a value of another type is an error in a request and
//! unknown in a template. Where the input has ended every choice is the first, which is the plainest.

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};

/// A part of every value that is there to be secret.
pub(crate) const SECRET: &str = "kept-from-all-7";

/// The longest text that is made up, in characters.
const LONGEST: usize = 24;

/// A member and how its values are drawn.
type Member = (&'static str, fn(&mut Unstructured<'_>) -> Result<Value>);

fn is_one_in(input: &mut Unstructured<'_>, many: u8) -> Result<bool> {
    Ok(input.int_in_range(1..=many)? == many)
}

/// One of these or, now and then, anything.
fn text(input: &mut Unstructured<'_>, known: &[&str]) -> Result<String> {
    if is_one_in(input, 8)? {
        let made_up: &str = input.arbitrary()?;
        return Ok(made_up.chars().take(LONGEST).collect());
    }
    input.choose(known).map(|text| (*text).to_owned())
}

/// A text that may be, or hold, a secret.
fn secret(input: &mut Unstructured<'_>, known: &[&str]) -> Result<String> {
    let text = text(input, known)?;
    Ok(if is_one_in(input, 4)? {
        format!("{text}{SECRET}")
    } else {
        text
    })
}

fn list(
    input: &mut Unstructured<'_>,
    most: usize,
    mut element: impl FnMut(&mut Unstructured<'_>) -> Result<Value>,
) -> Result<Value> {
    let count = input.int_in_range(0..=most)?;
    (0..count).map(|_| element(input)).collect()
}

fn texts(input: &mut Unstructured<'_>, known: &[&str]) -> Result<Value> {
    list(input, 3, |input| text(input, known).map(Value::from))
}

fn secrets(input: &mut Unstructured<'_>, known: &[&str]) -> Result<Value> {
    list(input, 3, |input| secret(input, known).map(Value::from))
}

fn flag(input: &mut Unstructured<'_>) -> Result<Value> {
    Ok(json!(is_one_in(input, 2)?))
}

/// The members that are drawn, three times out of eight each.
fn object(input: &mut Unstructured<'_>, members: &[Member]) -> Result<Value> {
    let mut object = Map::new();
    for (name, draw) in members {
        if input.int_in_range(0..=7)? > 4 {
            object.insert((*name).to_owned(), draw(input)?);
        }
    }
    Ok(Value::Object(object))
}

/// Names with their values, of which only the values may be secret.
fn map(input: &mut Unstructured<'_>, names: &[&str], values: &[&str]) -> Result<Value> {
    let mut map = Map::new();
    for _ in 0..input.int_in_range(0..=2)? {
        let name = (*input.choose(names)?).to_owned();
        map.insert(name, secret(input, values)?.into());
    }
    Ok(Value::Object(map))
}

const DIGEST: &str = "@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

fn image(input: &mut Unstructured<'_>) -> Result<Value> {
    let name = text(
        input,
        &[
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4",
            "444455556666.dkr.ecr.eu-west-1.amazonaws.com/app",
            "444455556666.dkr-ecr.eu-west-1.on.aws/app:1",
            "public.ecr.aws/somebody/app:2",
            "nginx",
            "nginx:latest",
            "docker.io/library/nginx:1.27",
            "registry:5000/app",
            "ghcr.io/team/app:main",
            "<image>",
        ],
    )?;
    let digest = *input.choose(&["", "", DIGEST])?;
    Ok(json!(format!("{name}{digest}")))
}

const CAPABILITIES: &[&str] = &[
    "CHOWN",
    "NET_RAW",
    "SYS_PTRACE",
    "SYS_ADMIN",
    "CAP_SYS_MODULE",
    "net_raw",
    "ALL",
    "all",
    "MKNOD",
];

const PATHS: &[&str] = &[
    "/opt/app",
    "",
    "/var/run/docker.sock",
    "/etc",
    "/",
    "/var//log/../lib/docker/",
    "/run",
    "run",
    "/dev/sda1",
    "/dev/fuse",
    "/dev/../dev/kmem",
    "c:\\",
    "//./pipe/docker_engine",
];

const ARGUMENTS: &[&str] = &[
    "serve",
    "CMD-SHELL",
    "CMD",
    "--password",
    "correct horse",
    "--password=hunter2hunter2",
    "NONE",
    "curl http://169.254.169.254/",
    "",
    "sh",
    "-c",
];

const LINUX_PARAMETERS: &[Member] = &[
    ("capabilities", |input| {
        object(
            input,
            &[
                ("add", |input| texts(input, CAPABILITIES)),
                ("drop", |input| texts(input, CAPABILITIES)),
            ],
        )
    }),
    ("devices", |input| {
        list(input, 2, |input| {
            Ok(json!({"hostPath": text(input, PATHS)?}))
        })
    }),
    ("initProcessEnabled", flag),
];

const CONTAINER: &[Member] = &[
    ("essential", flag),
    ("privileged", flag),
    ("readonlyRootFilesystem", flag),
    ("interactive", flag),
    ("pseudoTerminal", flag),
    ("cpu", |input| Ok(json!(input.choose(&[0, 128])?))),
    ("memory", |input| Ok(json!(input.choose(&[256, 512, 0])?))),
    ("memoryReservation", |input| {
        Ok(json!(input.choose(&[128, 64])?))
    }),
    ("user", |input| {
        let users = &[
            "10001",
            "10001:0",
            "app",
            "root",
            "0",
            "0:0",
            "00",
            "+0",
            " 0 ",
            "root:wheel",
            "ContainerUser",
            "ContainerAdministrator",
            "",
        ];
        text(input, users).map(Value::from)
    }),
    ("linuxParameters", |input| object(input, LINUX_PARAMETERS)),
    ("firelensConfiguration", |_| {
        Ok(json!({"type": "fluentbit"}))
    }),
    ("environment", |input| {
        list(input, 3, |input| {
            let name = text(
                input,
                &[
                    "LOG_LEVEL",
                    "DB_PASSWORD",
                    "API_TOKEN",
                    "password",
                    "SECRET_NAME",
                    "ECS_AWSVPC_BLOCK_IMDS",
                    "no_proxy",
                ],
            )?;
            let value = secret(
                input,
                &[
                    "info",
                    "correct horse",
                    "",
                    "${PASSWORD}",
                    "true",
                    "a:b@c",
                    "arn:aws:ssm:eu-west-1:111122223333:parameter/p",
                    "http://169.254.169.254/latest",
                    "postgres://app:hunter2hunter2@db/app",
                    "HIDDEN_DUE_TO_SECURITY_REASONS",
                ],
            )?;
            Ok(json!({"name": name, "value": value}))
        })
    }),
    ("environmentFiles", |input| {
        list(input, 1, |_| {
            Ok(json!({"type": "s3", "value": "arn:aws:s3:::b/k"}))
        })
    }),
    ("command", |input| secrets(input, ARGUMENTS)),
    ("entryPoint", |input| secrets(input, ARGUMENTS)),
    ("dockerLabels", |input| {
        map(
            input,
            &["com.example/Team", "api.token", "Privileged", "a~b"],
            &["web", "true", "correct horse", ""],
        )
    }),
    ("logConfiguration", |input| {
        let driver = text(
            input,
            &["awslogs", "awsfirelens", "splunk", "json-file", ""],
        )?;
        let options = map(
            input,
            &[
                "awslogs-group",
                "mode",
                "Mode",
                "splunk-token",
                "awslogs-create-group",
            ],
            &["non-blocking", "blocking", "g", "", "correct horse"],
        )?;
        Ok(json!({"logDriver": driver, "options": options}))
    }),
    ("mountPoints", |input| {
        list(input, 2, |input| {
            let volume = secret(input, &["v0", "v1", "v2", "nowhere"])?;
            let mut point = json!({"sourceVolume": volume, "containerPath": secret(input, PATHS)?});
            if is_one_in(input, 2)? {
                point["readOnly"] = flag(input)?;
            }
            Ok(point)
        })
    }),
    ("portMappings", |input| {
        list(input, 2, |input| {
            let port = *input.choose(&[8080, 80, 22])?;
            let mut mapping = json!({"containerPort": port});
            if is_one_in(input, 2)? {
                mapping["hostPort"] = json!(input.choose(&[0, 22, 8080])?);
            }
            Ok(mapping)
        })
    }),
    ("dockerSecurityOptions", |input| {
        let known = &[
            "no-new-privileges",
            "no-new-privileges:false",
            "label:disable",
            "apparmor:unconfined",
            "seccomp:unconfined",
            "credentialspec:file://x.json",
        ];
        secrets(input, known)
    }),
    ("credentialSpecs", |input| {
        let known = &[
            "credentialspec:arn:aws:s3:::b/k",
            "credentialspec:file://x.json",
            "credentialspec:{\"a\":1}",
        ];
        secrets(input, known)
    }),
    ("systemControls", |input| {
        list(input, 2, |input| {
            let known = &[
                "net.ipv4.tcp_syncookies",
                "net.core.somaxconn",
                "kernel/msgmax",
            ];
            Ok(json!({"namespace": text(input, known)?, "value": secret(input, &["1", "0"])?}))
        })
    }),
    ("ulimits", |input| {
        list(input, 2, |input| {
            let name = text(input, &["nofile", "nproc", "core", "memlock"])?;
            let limit = *input.choose(&[1024, 65_535, -1, 2_000_000])?;
            Ok(json!({"name": name, "softLimit": limit, "hardLimit": limit}))
        })
    }),
    ("links", |input| texts(input, &["c0", "c1:l"])),
    ("healthCheck", |input| {
        Ok(json!({"command": secrets(input, ARGUMENTS)?, "retries": 3}))
    }),
    ("extraHosts", |input| {
        list(input, 1, |input| {
            let address = secret(input, &["10.0.0.1", "169.254.169.254", "::1"])?;
            Ok(json!({"hostname": text(input, &["h", "metadata"])?, "ipAddress": address}))
        })
    }),
    ("versionConsistency", |input| {
        text(input, &["enabled", "disabled"]).map(Value::from)
    }),
    ("restartPolicy", |input| {
        Ok(json!({"enabled": flag(input)?}))
    }),
];

const EFS: &[Member] = &[
    ("rootDirectory", |input| {
        secret(input, &["/", "/data"]).map(Value::from)
    }),
    ("transitEncryption", |input| {
        text(input, &["ENABLED", "DISABLED"]).map(Value::from)
    }),
    ("authorizationConfig", |input| {
        object(
            input,
            &[
                ("accessPointId", |input| {
                    text(input, &["fsap-1", ""]).map(Value::from)
                }),
                ("iam", |input| {
                    text(input, &["ENABLED", "DISABLED"]).map(Value::from)
                }),
            ],
        )
    }),
];

fn volume(input: &mut Unstructured<'_>, name: &str) -> Result<Value> {
    let mut volume = json!({"name": name});
    match input.int_in_range(0..=3)? {
        0 => {}
        1 => volume["host"] = json!({"sourcePath": text(input, PATHS)?}),
        2 => {
            let options = map(
                input,
                &["o", "device", "type"],
                &["bind", "/etc", "tmpfs", "//h/s"],
            )?;
            volume["dockerVolumeConfiguration"] = json!({"driver": "local", "driverOpts": options});
        }
        _ => {
            let mut efs = object(input, EFS)?;
            efs["fileSystemId"] = json!("fs-1");
            volume["efsVolumeConfiguration"] = efs;
        }
    }
    Ok(volume)
}

const ROLES: &[&str] = &[
    "arn:aws:iam::111122223333:role/ecs/web",
    "web",
    "arn:aws:iam::111122223333:role/pull",
];

const DEFINITION: &[Member] = &[
    ("volumes", |input| {
        let count = input.int_in_range(0..=3)?;
        (0..count)
            .map(|index| volume(input, &format!("v{index}")))
            .collect()
    }),
    ("networkMode", |input| {
        text(input, &["awsvpc", "bridge", "host", "none"]).map(Value::from)
    }),
    ("pidMode", |input| {
        text(input, &["task", "host"]).map(Value::from)
    }),
    ("ipcMode", |input| {
        text(input, &["none", "task", "host"]).map(Value::from)
    }),
    ("requiresCompatibilities", |input| {
        let kinds = ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"];
        let first = input.int_in_range(0..=3_usize)?;
        let kinds = kinds.into_iter().cycle().skip(first);
        let kinds: Vec<&str> = kinds.take(input.int_in_range(1..=2)?).collect();
        Ok(json!(kinds))
    }),
    ("runtimePlatform", |input| {
        let system = text(input, &["LINUX", "WINDOWS_SERVER_2025_CORE"])?;
        Ok(json!({"operatingSystemFamily": system}))
    }),
    ("placementConstraints", |input| {
        list(input, 1, |input| {
            let known = &[
                "attribute:ecs.os-type == linux",
                "attribute:ecs.os-type == windows",
            ];
            Ok(json!({"type": "memberOf", "expression": text(input, known)?}))
        })
    }),
    ("cpu", |input| {
        text(input, &["256", "1 vCPU"]).map(Value::from)
    }),
    ("memory", |input| {
        text(input, &["512", "1GB"]).map(Value::from)
    }),
    ("taskRoleArn", |input| text(input, ROLES).map(Value::from)),
    ("executionRoleArn", |input| {
        text(input, ROLES).map(Value::from)
    }),
    ("enableFaultInjection", flag),
    ("tags", |input| {
        // Each key once, as AWS has it.
        let tags = map(input, &["owner", "team", "tier"], &["test", "prod"])?;
        let tags = tags.as_object().into_iter().flatten();
        Ok(tags
            .map(|(key, value)| json!({"key": key, "value": value}))
            .collect())
    }),
];

/// A definition.
pub(crate) fn definition(input: &mut Unstructured<'_>) -> Result<Value> {
    let mut definition = object(input, DEFINITION)?;
    definition["family"] = json!("web");
    let count = input.int_in_range(1..=3)?;
    let containers: Result<Vec<Value>> = (0..count)
        .map(|index| {
            let mut container = object(input, CONTAINER)?;
            container["name"] = json!(format!("c{index}"));
            container["image"] = image(input)?;
            Ok(container)
        })
        .collect();
    definition["containerDefinitions"] = json!(containers?);
    Ok(definition)
}
