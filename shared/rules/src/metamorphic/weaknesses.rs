//! One way at least to make a definition weaker by each rule.

use serde_json::{Value, json};

use super::definitions::Choices;
use crate::{
    catalogue::{Check, RULES},
    facts::Form,
    metamorphic::{decision, policy},
};

/// A way to make a definition weaker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weakness {
    /// The rule that has to find it.
    pub(super) rule: &'static str,
    /// Rules that may have less to say afterwards, each for a reason.
    pub(super) replaces: &'static [&'static str],
    change: Change,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    /// Of the definition.
    Definition(fn(&mut Value)),
    /// Of one of its containers.
    Container(fn(&mut Value)),
}

impl Weakness {
    pub(super) fn add(self, definition: &mut Value, choices: &mut Choices<'_>) {
        match self.change {
            Change::Definition(change) => change(definition),
            Change::Container(change) => {
                let containers = definition["containerDefinitions"].as_array_mut().unwrap();
                let index = choices.below(containers.len());
                change(&mut containers[index]);
            }
        }
    }
}

/// Adds to a list, which may not be there yet.
fn push(list: &mut Value, element: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(element);
}

const fn of_container(rule: &'static str, change: fn(&mut Value)) -> Weakness {
    Weakness {
        rule,
        replaces: &[],
        change: Change::Container(change),
    }
}

const fn of_definition(rule: &'static str, change: fn(&mut Value)) -> Weakness {
    Weakness {
        rule,
        replaces: &[],
        change: Change::Definition(change),
    }
}

impl Weakness {
    const fn replacing(self, replaces: &'static [&'static str]) -> Self {
        Self { replaces, ..self }
    }
}

fn host_volume(definition: &mut Value, path: &str) {
    push(
        &mut definition["volumes"],
        json!({"name": "weak", "host": {"sourcePath": path}}),
    );
    push(
        &mut definition["containerDefinitions"][0]["mountPoints"],
        json!({"sourceVolume": "weak", "containerPath": "/weak"}),
    );
}

pub(super) const WEAKNESSES: &[Weakness] = &[
    // A privileged container keeps its capabilities whatever it drops.
    of_container("privileged-container", |c| c["privileged"] = json!(true))
        .replacing(&["undropped-capabilities"]),
    // On Windows that is a name like any other.
    of_container("root-user", |c| c["user"] = json!("0:0"))
        .replacing(&["windows-administrator-user"]),
    of_container("writable-root-filesystem", |c| {
        c["readonlyRootFilesystem"] = json!(false);
    }),
    of_container("dangerous-capability", |c| {
        push(
            &mut c["linuxParameters"]["capabilities"]["add"],
            json!("SYS_ADMIN"),
        );
    }),
    // Ports above 1023 are everyone's on the host itself.
    of_definition("host-network", |d| d["networkMode"] = json!("host"))
        .replacing(&["fixed-host-port"]),
    of_definition("host-pid", |d| d["pidMode"] = json!("host")).replacing(&["shared-task-pid"]),
    of_definition("host-ipc", |d| d["ipcMode"] = json!("host")),
    of_definition("host-runtime-socket", |d| {
        host_volume(d, "/var/run/docker.sock");
    }),
    of_definition("sensitive-host-path", |d| host_volume(d, "/etc")),
    of_container("host-device", |c| {
        push(
            &mut c["linuxParameters"]["devices"],
            json!({"hostPath": "/dev/sda"}),
        );
    }),
    of_container("weakened-confinement", |c| {
        push(&mut c["dockerSecurityOptions"], json!("label:disable"));
    }),
    of_container("privilege-escalation", |c| {
        push(
            &mut c["dockerSecurityOptions"],
            json!("no-new-privileges:false"),
        );
    }),
    of_container("unsafe-sysctl", |c| {
        push(
            &mut c["systemControls"],
            json!({"namespace": "kernel.msgmax", "value": "1"}),
        );
    }),
    of_container("unlimited-ulimit", |c| {
        push(
            &mut c["ulimits"],
            json!({"name": "core", "softLimit": 0, "hardLimit": -1}),
        );
    }),
    of_definition("missing-memory-limit", |d| {
        d.as_object_mut().unwrap().remove("memory");
        let container = d["containerDefinitions"][0].as_object_mut().unwrap();
        container.remove("memory");
    }),
    of_definition("missing-cpu-limit", |d| {
        d["cpu"] = Value::Null;
        d["containerDefinitions"][0]["cpu"] = json!(0);
    }),
    of_container("undropped-capabilities", |c| {
        let parameters = c["linuxParameters"].as_object_mut();
        if let Some(capabilities) = parameters.and_then(|p| p.get_mut("capabilities")) {
            capabilities["drop"] = json!([]);
        }
    }),
    // The containers of a bridge have ports of the host, and those of the host itself fewer.
    of_definition("non-awsvpc-network", |d| {
        if d["networkMode"] == "awsvpc" {
            d["networkMode"] = json!("bridge");
        }
    }),
    of_definition("shared-task-pid", |d| {
        if d["pidMode"].is_null() {
            d["pidMode"] = json!("task");
        }
    }),
    of_container("windows-administrator-user", |c| {
        c["user"] = json!("User Manager\\ContainerAdministrator");
    })
    // On Linux it is a name of no meaning, and no root.
    .replacing(&["root-user"]),
    of_container("secret-in-environment", |c| {
        push(
            &mut c["environment"],
            json!({"name": "DB_PASSWORD", "value": "correct horse"}),
        );
    }),
    of_container("latest-image-tag", |c| {
        c["image"] = json!("ghcr.io/other/app:latest");
    }),
    of_container("untrusted-registry", |c| {
        c["image"] = json!("ghcr.io/other/app");
    }),
    of_container("unpinned-image", |c| {
        c["image"] = json!("ghcr.io/other/app:1");
    })
    // A tag of a version is no `latest`.
    .replacing(&["latest-image-tag"]),
    of_container("missing-log-configuration", |c| {
        c.as_object_mut().unwrap().remove("logConfiguration");
    })
    // What does not log does not wait for logs, and hands no token over.
    .replacing(&["blocking-log-driver", "secret-in-environment"]),
    of_container("blocking-log-driver", |c| {
        if c["logConfiguration"].is_object() {
            c["logConfiguration"]["options"]["mode"] = json!("blocking");
        }
    }),
    of_definition("unencrypted-efs-volume", |d| {
        push(
            &mut d["volumes"],
            json!({"name": "weak", "efsVolumeConfiguration":
            {"fileSystemId": "fs-2", "authorizationConfig": {"accessPointId": "a", "iam": "ENABLED"}}}),
        );
    }),
    of_definition("efs-without-access-point", |d| {
        push(
            &mut d["volumes"],
            json!({"name": "weak", "efsVolumeConfiguration":
            {"fileSystemId": "fs-2", "transitEncryption": "ENABLED"}}),
        );
    }),
    of_definition("shared-task-role", |d| {
        d["taskRoleArn"] = json!("web");
        d["executionRoleArn"] = json!("web");
    }),
    of_container("environment-file", |c| {
        push(
            &mut c["environmentFiles"],
            json!({"type": "s3", "value": "arn:aws:s3:::b/k"}),
        );
    }),
    of_container("metadata-service-access", |c| {
        push(
            &mut c["extraHosts"],
            json!({"hostname": "h", "ipAddress": "169.254.169.254"}),
        );
    }),
    of_container("plaintext-domain-credentials", |c| {
        push(
            &mut c["credentialSpecs"],
            json!("credentialspec:file://spec.json"),
        );
    }),
    of_container("fixed-host-port", |c| {
        push(
            &mut c["portMappings"],
            json!({"containerPort": 22, "hostPort": 22}),
        );
    }),
    of_container("version-consistency-disabled", |c| {
        c["versionConsistency"] = json!("disabled");
    }),
    of_definition("fault-injection", |d| {
        d["enableFaultInjection"] = json!(true);
    }),
    // Only a policy says which tags have to be there.
    of_definition("missing-tags", |d| {
        d.as_object_mut().unwrap().remove("tags");
    }),
    of_container("missing-health-check", |c| {
        c["essential"] = json!(true);
        c.as_object_mut().unwrap().remove("healthCheck");
    })
    // What the command said is gone with it.
    .replacing(&["secret-in-environment", "metadata-service-access"]),
    of_container("missing-init-process", |c| {
        c["restartPolicy"]["enabled"] = json!(true);
        if c["linuxParameters"].is_object() {
            c["linuxParameters"]["initProcessEnabled"] = json!(false);
        }
    }),
    of_container("interactive-container", |c| c["interactive"] = json!(true)),
    of_container("container-links", |c| push(&mut c["links"], json!("log"))),
    of_definition("privileged-container", |d| {
        push(
            &mut d["containerDefinitions"],
            json!({"name": "weak", "image": "ghcr.io/other/app", "privileged": true}),
        );
    }),
];

#[test]
fn there_is_a_weakness_for_every_rule_about_definitions() {
    for rule in RULES {
        let is_there = WEAKNESSES.iter().any(|weakness| weakness.rule == rule.id);
        // No document can say what the ledger knows of an image.
        let is_about_one = rule.id != "quarantined-image"
            && matches!(rule.check, Check::TaskDefinition(_))
            && rule.applies.forms.contains(&Form::Definition);
        assert_eq!(is_there, is_about_one, "{}", rule.id);
    }
}

#[test]
fn each_weakness_is_found_where_it_is_the_only_one() {
    let policy = policy("profile: restricted\nparameters: {missing-tags: {keys: [tier]}}");
    let strong = json!({
        "family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "taskRoleArn": "web", "executionRoleArn": "pull", "tags": [{"key": "tier", "value": "test"}],
        "containerDefinitions": [{
            "name": "app", "user": "10001", "readonlyRootFilesystem": true,
            "image": format!("111122223333.dkr.ecr.eu-west-1.amazonaws.com/app@sha256:{}", "0a".repeat(32)),
            "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "initProcessEnabled": true},
            "logConfiguration": {"logDriver": "awslogs", "options": {"mode": "non-blocking"}},
            "dockerSecurityOptions": ["no-new-privileges"], "healthCheck": {"command": ["CMD", "/healthy"]},
        }, {
            "name": "log", "image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/log@sha256:00",
        }],
    });
    // Rules that need something beside the weakness: another system, port or tag.
    let prepared = |rule: &str| {
        let mut strong = strong.clone();
        let containers = strong["containerDefinitions"].as_array_mut().unwrap();
        if rule != "shared-task-pid" {
            containers.truncate(1);
        }
        match rule {
            "windows-administrator-user" => {
                strong["runtimePlatform"] =
                    json!({"operatingSystemFamily": "WINDOWS_SERVER_2025_CORE"});
            }
            "fixed-host-port" => strong["networkMode"] = json!("bridge"),
            "version-consistency-disabled" => {
                strong["containerDefinitions"][0]["image"] = json!("ghcr.io/other/app:1");
            }
            _ => {}
        }
        strong
    };
    for weakness in WEAKNESSES {
        let mut definition = prepared(weakness.rule);
        let found = |definition: &Value| {
            let decision = decision(definition, &policy);
            decision
                .findings
                .iter()
                .any(|finding| finding.rule == weakness.rule)
        };
        assert!(!found(&definition), "{}", weakness.rule);
        weakness.add(&mut definition, &mut Choices::new(&[]));
        assert!(found(&definition), "{}", weakness.rule);
    }
}
