//! One definition in every format.

use serde_json::{Value, json};
use tidewaiter_rules::Outcome;

use super::*;

/// As `register-task-definition` takes it.
fn request() -> Value {
    let text = r#"{
        "family": "web", "networkMode": "host", "pidMode": "host", "ipcMode": "task",
        "requiresCompatibilities": ["EC2"], "cpu": "256", "memory": "512",
        "taskRoleArn": "arn:aws:iam::111122223333:role/web", "enableFaultInjection": false,
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"},
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
        "tags": [{"key": "team", "value": "a"}],
        "volumes": [
            {"name": "docker", "host": {"sourcePath": "/var/run/docker.sock"}},
            {"name": "files", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "rootDirectory": "/data", "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}}
        ],
        "containerDefinitions": [
            {"name": "app", "image": "web:1", "cpu": 128, "memory": 256, "privileged": true,
             "user": "0", "readonlyRootFilesystem": false, "essential": true,
             "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"], "drop": ["ALL"]},
                "devices": [{"hostPath": "/dev/sda"}], "initProcessEnabled": true},
             "environment": [{"name": "A", "value": "b"}],
             "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/k"}],
             "command": ["a", "--b"], "entryPoint": ["/bin/sh"],
             "dockerLabels": {"Com.Example.Label": "x", "Privileged": "y"},
             "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "Mode": "blocking"}},
             "mountPoints": [{"sourceVolume": "docker", "containerPath": "/d", "readOnly": true}],
             "portMappings": [{"containerPort": 80, "hostPort": 0}],
             "dockerSecurityOptions": ["no-new-privileges"],
             "systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}],
             "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": -1}],
             "healthCheck": {"command": ["CMD-SHELL", "true"]}, "interactive": true,
             "pseudoTerminal": false, "extraHosts": [{"hostname": "h", "ipAddress": "10.0.0.1"}],
             "versionConsistency": "disabled", "restartPolicy": {"enabled": true}},
            {"name": "log", "image": "fluent", "firelensConfiguration": {"type": "fluentbit"}}
        ]
    }"#;
    serde_json::from_str(text).unwrap()
}

/// In CloudFormation's spelling; the keys of `free` maps stay.
pub(super) fn pascal(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| {
                let free = matches!(key.as_str(), "dockerLabels" | "options" | "driverOpts");
                let value = if free { value.clone() } else { pascal(value) };
                let mut letters = key.chars();
                let name = match key.as_str() {
                    "efsVolumeConfiguration" => "EFSVolumeConfiguration".to_owned(),
                    "fileSystemId" => "FilesystemId".to_owned(),
                    "iam" => "IAM".to_owned(),
                    _ => format!(
                        "{}{}",
                        letters.next().unwrap().to_ascii_uppercase(),
                        letters.as_str()
                    ),
                };
                (name, value)
            })
            .collect(),
        Value::Array(list) => list.iter().map(pascal).collect(),
        scalar => scalar.clone(),
    }
}

fn cloudformation_json() -> String {
    let template = json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Web": {
        "Type": "AWS::ECS::TaskDefinition", "Properties": pascal(&request()),
    }}});
    serde_json::to_string_pretty(&template).unwrap()
}

const CLOUDFORMATION_YAML: &str = r#"
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Family: {Type: String, Default: web}
Conditions:
  IsHost: !Equals [!Ref Family, web]
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Ref Family
      NetworkMode: !If [IsHost, host, awsvpc]
      PidMode: host
      IpcMode: task
      RequiresCompatibilities: [EC2]
      Cpu: 256
      Memory: "512"
      TaskRoleArn: !Sub arn:aws:iam::111122223333:role/${Family}
      EnableFaultInjection: "false"
      RuntimePlatform: {OperatingSystemFamily: LINUX, CpuArchitecture: ARM64}
      PlacementConstraints:
        - Type: memberOf
          Expression: attribute:ecs.os-type == linux
      Tags:
        - {Key: team, Value: a}
      Volumes:
        - Name: docker
          Host: {SourcePath: /var/run/docker.sock}
        - Name: files
          EFSVolumeConfiguration:
            FilesystemId: fs-1
            RootDirectory: /data
            TransitEncryption: ENABLED
            AuthorizationConfig: {AccessPointId: fsap-1, IAM: ENABLED}
      ContainerDefinitions:
        - Name: app
          Image: !Join [":", [!Ref Family, 1]]
          Cpu: "128"
          Memory: 256
          Privileged: "true"
          User: 0
          ReadonlyRootFilesystem: no
          Essential: true
          LinuxParameters:
            Capabilities: {Add: [SYS_ADMIN], Drop: [ALL]}
            Devices: [{HostPath: /dev/sda}]
            InitProcessEnabled: true
          Environment: [{Name: A, Value: b}]
          EnvironmentFiles: [{Type: s3, Value: "arn:aws:s3:::b/k"}]
          Command: [a, --b, !Ref AWS::NoValue]
          EntryPoint: [/bin/sh]
          DockerLabels: {Com.Example.Label: x, Privileged: "y"}
          LogConfiguration:
            LogDriver: awslogs
            Options: {awslogs-group: g, Mode: blocking}
          MountPoints: [{SourceVolume: docker, ContainerPath: /d, ReadOnly: true}]
          PortMappings: [{ContainerPort: 80, HostPort: 0}]
          DockerSecurityOptions: [no-new-privileges]
          SystemControls: [{Namespace: net.core.somaxconn, Value: 1}]
          Ulimits: [{Name: nofile, SoftLimit: "1", HardLimit: -1}]
          HealthCheck: {Command: [CMD-SHELL, "true"]}
          Interactive: true
          PseudoTerminal: false
          ExtraHosts: [{Hostname: h, IpAddress: 10.0.0.1}]
          VersionConsistency: disabled
          RestartPolicy: {Enabled: true}
        - Name: log
          Image: fluent
          FirelensConfiguration: {Type: fluentbit}
"#;

fn plan() -> Value {
    let values = json!({
        "family": "web", "network_mode": "host", "pid_mode": "host", "ipc_mode": "task",
        "requires_compatibilities": ["EC2"], "cpu": "256", "memory": "512",
        "task_role_arn": "arn:aws:iam::111122223333:role/web", "execution_role_arn": null,
        "enable_fault_injection": false, "ephemeral_storage": [], "inference_accelerator": [],
        "proxy_configuration": [], "skip_destroy": false, "track_latest": false,
        "runtime_platform": [{"operating_system_family": "LINUX", "cpu_architecture": "ARM64"}],
        "placement_constraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
        "tags": {"team": "a"}, "tags_all": {"team": "a"},
        "volume": [
            {"name": "docker", "host_path": "/var/run/docker.sock", "configure_at_launch": false,
             "docker_volume_configuration": [], "efs_volume_configuration": []},
            {"name": "files", "host_path": "", "docker_volume_configuration": [],
             "efs_volume_configuration": [{"file_system_id": "fs-1", "root_directory": "/data",
                "transit_encryption": "ENABLED", "transit_encryption_port": null,
                "authorization_config": [{"access_point_id": "fsap-1", "iam": "ENABLED"}]}]},
        ],
        "container_definitions": request()["containerDefinitions"].to_string(),
    });
    json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"child_modules": [{
            "address": "module.web", "resources": [
                {"address": "module.web.aws_ecs_task_definition.this[0]", "mode": "managed",
                 "type": "aws_ecs_task_definition", "name": "this", "values": values},
                {"address": "module.web.data.aws_ecs_task_definition.old", "mode": "data",
                 "type": "aws_ecs_task_definition", "name": "old", "values": {}},
                {"address": "module.web.aws_sqs_queue.q", "mode": "managed", "type": "aws_sqs_queue",
                 "name": "q", "values": {"name": "q"}},
            ],
        }]}},
        "resource_changes": [{
            "address": "module.web.aws_ecs_task_definition.this[0]", "mode": "managed",
            "type": "aws_ecs_task_definition", "name": "this",
            "change": {"actions": ["create"], "before": null, "after": values,
                "after_unknown": {"arn": true, "id": true, "revision": true,
                    "requires_compatibilities": [false], "volume": [{}, {}]}},
        }, {
            "address": "aws_ecs_task_definition.gone", "mode": "managed",
            "type": "aws_ecs_task_definition", "name": "gone",
            "change": {"actions": ["delete"], "before": {"family": "gone"}, "after": null,
                "after_unknown": {}},
        }],
    })
}

fn registered() -> TaskDefinition {
    serde_json::from_value(request()).unwrap()
}

#[test]
fn every_format_gives_the_same_definition_and_the_same_findings() {
    let expected = registered();
    let findings = decision(expected.clone()).findings;
    assert!(findings.len() >= 6, "{findings:#?}");
    let mut by_changes = plan();
    by_changes.as_object_mut().unwrap().remove("planned_values");
    let mut state = plan();
    let values = state["planned_values"].take();
    state["values"] = values;
    let members = state.as_object_mut().unwrap();
    members.remove("planned_values");
    members.remove("resource_changes");
    for text in [
        cloudformation_json(),
        CLOUDFORMATION_YAML.to_owned(),
        CLOUDFORMATION_YAML.replace('\n', "\r\n"),
        plan().to_string(),
        by_changes.to_string(),
        state.to_string(),
    ] {
        let definition = only(&text);
        assert_eq!(definition, expected, "{text}");
        assert_eq!(decision(definition).findings, findings);
    }
}

#[test]
fn a_resource_of_a_plan_is_known_by_its_address() {
    let found = read(&plan().to_string());
    assert_eq!(found[0].id, "module.web.aws_ecs_task_definition.this[0]");
    assert_eq!(found[0].position, None);
}

#[test]
fn what_a_plan_does_not_know_is_unknown() {
    let mut plan = plan();
    for path in [
        "/planned_values/root_module/child_modules/0/resources/0/values",
        "/resource_changes/0/change/after",
    ] {
        let values = plan.pointer_mut(path).unwrap().as_object_mut().unwrap();
        for attribute in ["container_definitions", "network_mode", "task_role_arn"] {
            values.remove(attribute);
        }
        values["volume"][0]
            .as_object_mut()
            .unwrap()
            .remove("host_path");
    }
    let unknowns = plan
        .pointer_mut("/resource_changes/0/change/after_unknown")
        .unwrap();
    for attribute in ["container_definitions", "network_mode", "task_role_arn"] {
        unknowns[attribute] = json!(true);
    }
    unknowns["volume"] = json!([{"host_path": true}, {}]);
    let definition = only(&plan.to_string());
    assert_eq!(
        definition.network_mode,
        unknown("`network_mode` is known only after apply")
    );
    assert_eq!(definition.pid_mode, Field::Known("host".to_owned()));
    let volumes = definition.volumes.known().unwrap();
    assert_eq!(
        volumes[0].host,
        unknown("`host_path` is known only after apply")
    );
    let reason = "`container_definitions` is known only after apply";
    assert_eq!(definition.container_definitions.len(), 1);
    assert_eq!(definition.container_definitions[0].image, unknown(reason));
    let findings = decision(definition).findings;
    for rule in [
        "privileged-container",
        "root-user",
        "writable-root-filesystem",
    ] {
        assert!(
            findings.iter().any(|finding| finding.rule == rule
                && finding.outcome == Outcome::Unknown
                && finding.message.contains("known only after apply")),
            "{rule}: {findings:#?}"
        );
    }
}

#[test]
fn container_definitions_of_a_plan_are_read_as_the_provider_does() {
    let with = |containers: Value| {
        let mut plan = plan();
        plan["planned_values"]["root_module"]["child_modules"][0]["resources"][0]["values"]["container_definitions"] =
            containers;
        container(&plan.to_string())
    };
    let app = with(json!(r#"[{"Name":"app","PRIVILEGED":true}]"#));
    assert_eq!(app.privileged, Field::Known(true));
    let app = with(Value::Null);
    let reason = "the plan does not show `container_definitions`";
    assert_eq!(app.privileged, unknown(reason));
    let plan = json!({"format_version": "1.2", "planned_values": {"root_module": {"resources": [
        {"address": "a", "type": "aws_ecs_task_definition", "values": {"family": "web"}},
        {"address": "b", "type": "aws_ecs_task_definition"},
    ]}}});
    for found in read(&plan.to_string()) {
        let containers = &found.definition.container_definitions;
        assert_eq!(containers[0].privileged, unknown(reason), "{}", found.id);
    }
    for broken in [r#"[{"name":"app""#, "{}", r#"[{"a":1,"a":2}]"#, "7"] {
        let app = with(json!(broken));
        let reason = app.privileged.unknown().unwrap();
        assert!(
            reason.starts_with("`container_definitions` is not"),
            "{reason}"
        );
    }
}

#[test]
fn a_template_of_references_is_unknown_and_never_fine() {
    let text = "
Parameters:
  P: {Type: String}
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Ref P
      NetworkMode: !Ref P
      PidMode: !Ref P
      IpcMode: !Ref P
      RequiresCompatibilities: [FARGATE]
      Cpu: !Ref P
      Memory: !Ref P
      TaskRoleArn: !Ref P
      ContainerDefinitions:
        - Name: app
          Image: !Ref P
          User: !Ref P
          Privileged: !Ref P
          ReadonlyRootFilesystem: !Ref P
          LinuxParameters: !Ref P
";
    let findings = decision(only(text)).findings;
    // What is not there at all is known to be missing.
    let spoken_of = findings.iter().filter(|f| !f.rule.starts_with("missing-"));
    let mut shown: Vec<(&str, &str)> = spoken_of
        .map(|finding| {
            assert_eq!(finding.outcome, Outcome::Unknown, "{finding:#?}");
            (finding.rule, finding.pointer.as_str())
        })
        .collect();
    shown.sort_unstable();
    for expected in [
        ("privileged-container", "/containerDefinitions/0/privileged"),
        ("root-user", "/containerDefinitions/0/user"),
        (
            "writable-root-filesystem",
            "/containerDefinitions/0/readonlyRootFilesystem",
        ),
    ] {
        assert!(shown.contains(&expected), "{shown:#?}");
    }
    // A resource of which nothing is known is no different.
    let all = "Resources:\n  Web:\n    Type: AWS::ECS::TaskDefinition\n    Properties: !Transform {Name: M}\n";
    let definition = only(all);
    assert_eq!(definition.status, Field::Absent);
    assert_eq!(definition.family, unknown("depends on `!Transform`"));
    assert!(decision(definition).findings.len() >= 3);
}
