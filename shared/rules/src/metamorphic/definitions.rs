//! Task definitions as people write them, good and bad, made from a list of choices. It names
//! nothing of the crate, so that the tests of other crates include this file too.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What is drawn from. Where the list has ended every choice is the first, which is the plainest,
/// so that a shorter list is a simpler definition.
pub(crate) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl<'a> Choices<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % limit
    }

    pub(crate) fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    /// Puts in a member three times out of eight.
    fn maybe(&mut self, object: &mut Value, member: &str, value: impl FnOnce(&mut Self) -> Value) {
        if self.below(8) > 4 {
            object[member] = value(self);
        }
    }

    fn list(&mut self, most: usize, mut element: impl FnMut(&mut Self) -> Value) -> Value {
        let count = self.below(most + 1);
        (0..count).map(|_| element(self)).collect()
    }

    fn texts(&mut self, most: usize, list: &[&str]) -> Value {
        self.list(most, |choices| json!(choices.of(list)))
    }
}

const DIGEST: &str = "@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

fn image(choices: &mut Choices<'_>) -> Value {
    let name = choices.of(&[
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4",
        "444455556666.dkr.ecr.eu-west-1.amazonaws.com/app",
        "444455556666.dkr-ecr.eu-west-1.on.aws/app:1",
        "public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32",
        "public.ecr.aws/somebody/app:2",
        "nginx",
        "nginx:latest",
        "docker.io/library/nginx:1.27",
        "registry:5000/app",
        "ghcr.io/team/app:main",
        "<image>",
    ]);
    let digest = choices.of(&["", "", DIGEST]);
    json!(format!("{name}{digest}"))
}

fn capabilities(choices: &mut Choices<'_>) -> Value {
    let names = &[
        "CHOWN",
        "NET_BIND_SERVICE",
        "SYS_PTRACE",
        "NET_ADMIN",
        "SYS_ADMIN",
        "CAP_SYS_MODULE",
        "net_raw",
        "ALL",
    ];
    let mut value = json!({});
    choices.maybe(&mut value, "add", |c| c.texts(3, names));
    choices.maybe(&mut value, "drop", |c| {
        c.texts(
            4,
            &["ALL", "NET_RAW", "MKNOD", "AUDIT_WRITE", "SETFCAP", "CHOWN"],
        )
    });
    value
}

fn linux_parameters(choices: &mut Choices<'_>) -> Value {
    let mut value = json!({});
    choices.maybe(&mut value, "capabilities", capabilities);
    choices.maybe(&mut value, "devices", |c| {
        c.list(2, |c| {
            let path = c.of(&[
                "/dev/ttyS0",
                "/dev/fuse",
                "/dev/sda1",
                "/dev/mem",
                "/dev/../dev/kmem",
                "/dev",
            ]);
            json!({"hostPath": path, "permissions": ["read"]})
        })
    });
    choices.maybe(&mut value, "initProcessEnabled", flag);
    value
}

fn flag(choices: &mut Choices<'_>) -> Value {
    json!(choices.of(&[false, true]))
}

fn variable(choices: &mut Choices<'_>) -> Value {
    let name = choices.of(&[
        "LOG_LEVEL",
        "DB_PASSWORD",
        "API_TOKEN",
        "password",
        "SECRET_NAME",
        "ENDPOINT",
        "no_proxy",
    ]);
    let value = choices.of(&[
        "info",
        "correct horse",
        "",
        "${PASSWORD}",
        "arn:aws:ssm:eu-west-1:111122223333:parameter/p",
        "http://169.254.169.254/latest",
        "true",
    ]);
    json!({"name": name, "value": value})
}

const ARGUMENTS: &[&str] = &[
    "serve",
    "CMD-SHELL",
    "--password",
    "correct horse",
    "--password=hunter2hunter2",
    "NONE",
    "curl http://169.254.169.254/",
    "",
];

fn log_configuration(choices: &mut Choices<'_>) -> Value {
    let mut value = json!({"logDriver": choices.of(&["awslogs", "awsfirelens", "splunk", ""])});
    choices.maybe(&mut value, "options", |c| {
        let mut options = json!({"awslogs-group": "g"});
        c.maybe(&mut options, "mode", |c| {
            json!(c.of(&["non-blocking", "blocking"]))
        });
        c.maybe(&mut options, "splunk-token", |c| {
            json!(c.of(&["", "correct horse"]))
        });
        options
    });
    value
}

fn labels(choices: &mut Choices<'_>) -> Value {
    let mut labels = json!({});
    choices.maybe(&mut labels, "com.example/Team", |_| json!("web"));
    choices.maybe(&mut labels, "api.token", |_| json!("correct horse"));
    choices.maybe(&mut labels, "Privileged", |_| json!("true"));
    labels
}

fn port_mapping(choices: &mut Choices<'_>) -> Value {
    let mut value = json!({"containerPort": choices.of(&[8080, 80, 443])});
    choices.maybe(&mut value, "hostPort", |c| json!(c.of(&[0, 22, 8080])));
    value
}

fn ulimit(choices: &mut Choices<'_>) -> Value {
    let name = choices.of(&["nofile", "nproc", "core", "memlock", "stack"]);
    let limit = |c: &mut Choices<'_>| c.of(&[1024, 65_535, -1, 2_000_000]);
    json!({"name": name, "softLimit": limit(choices), "hardLimit": limit(choices)})
}

fn mount_point(choices: &mut Choices<'_>) -> Value {
    let volume = choices.of(&["data", "host", "files", "nowhere"]);
    let mut value = json!({"sourceVolume": volume, "containerPath": "/mnt"});
    choices.maybe(&mut value, "readOnly", flag);
    value
}

/// A member of a container and how its values are drawn.
type Member = (&'static str, fn(&mut Choices<'_>) -> Value);

const MEMBERS: &[Member] = &[
    ("essential", flag),
    ("privileged", flag),
    ("readonlyRootFilesystem", flag),
    ("readonlyRootFilesystem", flag),
    ("interactive", flag),
    ("pseudoTerminal", flag),
    ("cpu", |c| json!(c.of(&[0, 128]))),
    ("memory", |c| json!(c.of(&[256, 512]))),
    ("memoryReservation", |c| json!(c.of(&[128, 64]))),
    ("user", |c| {
        json!(c.of(&[
            "10001",
            "10001:10001",
            "app",
            "root",
            "0",
            "0:0",
            "root:wheel",
            "00",
            "+0",
            " 0 ",
            "ContainerUser",
            "ContainerAdministrator",
        ]))
    }),
    ("linuxParameters", linux_parameters),
    ("firelensConfiguration", |_| json!({"type": "fluentbit"})),
    ("environment", |c| c.list(4, variable)),
    ("environmentFiles", |c| {
        c.list(1, |_| json!({"type": "s3", "value": "arn:aws:s3:::b/k"}))
    }),
    ("command", |c| c.texts(4, ARGUMENTS)),
    ("entryPoint", |c| c.texts(3, ARGUMENTS)),
    ("dockerLabels", labels),
    ("logConfiguration", log_configuration),
    ("mountPoints", |c| c.list(3, mount_point)),
    ("portMappings", |c| c.list(2, port_mapping)),
    ("dockerSecurityOptions", |c| {
        c.texts(
            3,
            &[
                "no-new-privileges",
                "no-new-privileges:false",
                "label:disable",
                "apparmor=unconfined",
                "credentialspec:file://x.json",
            ],
        )
    }),
    ("credentialSpecs", |c| {
        c.texts(
            1,
            &[
                "credentialspec:arn:aws:s3:::b/k",
                "credentialspec:file://x.json",
            ],
        )
    }),
    ("systemControls", |c| {
        c.list(2, |c| {
            let name = c.of(&[
                "net.ipv4.tcp_syncookies",
                "net.core.somaxconn",
                "kernel/msgmax",
            ]);
            json!({"namespace": name, "value": "1"})
        })
    }),
    ("ulimits", |c| c.list(2, ulimit)),
    ("links", |c| c.texts(1, &["app", "log:l"])),
    (
        "healthCheck",
        |c| json!({"command": c.texts(2, ARGUMENTS), "retries": 3}),
    ),
    ("extraHosts", |c| {
        c.list(
            1,
            |c| json!({"hostname": "h", "ipAddress": c.of(&["10.0.0.1", "169.254.169.254"])}),
        )
    }),
    ("versionConsistency", |c| {
        json!(c.of(&["enabled", "disabled"]))
    }),
    ("restartPolicy", |c| json!({"enabled": flag(c)})),
];

fn container(choices: &mut Choices<'_>, name: &str) -> Value {
    let mut value = json!({"name": name, "image": image(choices)});
    for (member, draw) in MEMBERS {
        choices.maybe(&mut value, member, draw);
    }
    value
}

fn volume(choices: &mut Choices<'_>, name: &str) -> Value {
    let mut value = json!({"name": name});
    match choices.below(4) {
        0 => {}
        1 => {
            let path = choices.of(&[
                "/opt/app",
                "",
                "/var/run/docker.sock",
                "/etc",
                "/",
                "/var//log/../lib/docker/",
                "/run",
            ]);
            value["host"] = json!({"sourcePath": path});
        }
        2 => {
            let device = choices.of(&["/opt/app", "/etc", "tmpfs"]);
            let kind = choices.of(&["bind", "size=1m"]);
            value["dockerVolumeConfiguration"] = json!({"driver": "local", "scope": "task",
                "driverOpts": {"o": kind, "device": device}});
        }
        _ => {
            let mut efs = json!({"fileSystemId": "fs-1"});
            choices.maybe(&mut efs, "rootDirectory", |c| json!(c.of(&["/", "/data"])));
            choices.maybe(&mut efs, "transitEncryption", |c| {
                json!(c.of(&["ENABLED", "DISABLED"]))
            });
            choices.maybe(&mut efs, "authorizationConfig", |c| {
                let mut authorization = json!({});
                c.maybe(&mut authorization, "accessPointId", |_| json!("fsap-1"));
                c.maybe(&mut authorization, "iam", |c| {
                    json!(c.of(&["ENABLED", "DISABLED"]))
                });
                authorization
            });
            value["efsVolumeConfiguration"] = efs;
        }
    }
    value
}

const ROLE: &str = "arn:aws:iam::111122223333:role/ecs/web";

/// A definition as `register-task-definition` takes it.
pub(crate) fn definition(choices: &mut Choices<'_>) -> Value {
    let count = choices.below(6) + 1;
    let names = ["app", "log", "proxy", "agent", "init", "cron"];
    let containers: Vec<Value> = names
        .iter()
        .take(count)
        .map(|name| container(choices, name))
        .collect();
    let mut value = json!({"family": "web", "containerDefinitions": containers});
    choices.maybe(&mut value, "volumes", |c| {
        ["data", "host", "files"]
            .iter()
            .map(|name| volume(c, name))
            .collect()
    });
    choices.maybe(&mut value, "networkMode", |c| {
        json!(c.of(&["awsvpc", "bridge", "host", "none"]))
    });
    choices.maybe(&mut value, "pidMode", |c| json!(c.of(&["task", "host"])));
    choices.maybe(&mut value, "ipcMode", |c| {
        json!(c.of(&["none", "task", "host"]))
    });
    choices.maybe(&mut value, "requiresCompatibilities", |c| {
        let mut kinds = vec![c.of(&["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"])];
        if kinds[0] != "EC2" && c.below(3) == 0 {
            kinds.push("EC2");
        }
        json!(kinds)
    });
    choices.maybe(&mut value, "runtimePlatform", |c| {
        json!({"operatingSystemFamily": c.of(&["LINUX", "LINUX", "WINDOWS_SERVER_2025_CORE"]),
            "cpuArchitecture": "X86_64"})
    });
    choices.maybe(&mut value, "placementConstraints", |c| {
        let expression = c.of(&[
            "attribute:ecs.os-type == linux",
            "attribute:ecs.os-type == windows",
        ]);
        json!([{"type": "memberOf", "expression": expression}])
    });
    choices.maybe(&mut value, "cpu", |c| json!(c.of(&["256", "1 vCPU"])));
    choices.maybe(&mut value, "memory", |c| json!(c.of(&["512", "1GB"])));
    choices.maybe(&mut value, "taskRoleArn", |c| json!(c.of(&[ROLE, "web"])));
    choices.maybe(&mut value, "executionRoleArn", |c| {
        json!(c.of(&[ROLE, "arn:aws:iam::111122223333:role/pull"]))
    });
    choices.maybe(&mut value, "enableFaultInjection", flag);
    choices.maybe(
        &mut value,
        "tags",
        |c| json!([{"key": "tier", "value": c.of(&["test", "prod"])}]),
    );
    value
}

/// Any definition.
pub(crate) fn any_definition() -> impl Strategy<Value = Value> {
    prop::collection::vec(any::<u8>(), 0..320)
        .prop_map(|bytes| definition(&mut Choices::new(&bytes)))
}

/// `value` after every object in it has been through `change`, which is told the name of the member
/// that holds it, or that holds its list.
pub(crate) fn each_object(
    value: &Value,
    holder: &str,
    change: &mut impl FnMut(&str, Map<String, Value>) -> Value,
) -> Value {
    match value {
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| (key.clone(), each_object(value, key, change)))
                .collect();
            change(holder, members)
        }
        Value::Array(list) => list
            .iter()
            .map(|value| each_object(value, holder, change))
            .collect(),
        scalar => scalar.clone(),
    }
}

/// Whether the members of what `holder` holds are names from outside, and not the API's.
pub(crate) fn is_free(holder: &str) -> bool {
    matches!(holder, "dockerLabels" | "options" | "driverOpts")
}
