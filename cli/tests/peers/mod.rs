//! What other tools are known to get wrong about task definitions, each in the format in which they
//! do. `docs/conformance.md` lists the versions whose sources were read.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use serde_json::{Value, json};

use crate::{events, folder, json as output_json, tidewaiter};

/// The rules that are denied or warned of in a file, with their pointers.
fn found(name: &str, text: &str) -> Vec<(String, String)> {
    let folder = folder(&[(name, text.as_bytes())]);
    let arguments = ["check", "--profile", "restricted", "--format", "json", name];
    let report = output_json(&tidewaiter(folder.path(), &arguments));
    assert_eq!(report["errors"], json!([]), "{text}");
    let results = report["results"].as_array().unwrap().iter();
    let findings = results.flat_map(|result| result["findings"].as_array().unwrap());
    findings
        .map(|finding| {
            let text = |member: &str| finding[member].as_str().unwrap().to_owned();
            (text("rule"), text("pointer"))
        })
        .collect()
}

fn is_in(found: &[(String, String)], rule: &str, pointer: &str) -> bool {
    found.iter().any(|(r, p)| r == rule && p == pointer)
}

fn speaks_of(found: &[(String, String)], rule: &str) -> bool {
    found.iter().any(|(r, _)| r == rule)
}

/// A Terraform plan with one task definition.
fn plan(arguments: &Value, container: &Value) -> String {
    let mut values = arguments.clone();
    values["family"] = json!("web");
    values["container_definitions"] = json!(json!([container]).to_string());
    json!({"format_version": "1.2", "planned_values": {"root_module": {"resources": [
        {"address": "aws_ecs_task_definition.web", "mode": "managed", "name": "web",
         "type": "aws_ecs_task_definition", "values": values}]}}})
    .to_string()
}

fn in_plan(arguments: &Value, container: &Value) -> Vec<(String, String)> {
    found("plan.json", &plan(arguments, container))
}

fn in_request(definition: &Value) -> Vec<(String, String)> {
    found("definition.json", &definition.to_string())
}

const APP: &str = "/containerDefinitions/0";

// Checkov CKV_AWS_334 reads a member `privilege`, which no definition has.
#[test]
fn a_privileged_container_in_a_terraform_plan_is_seen() {
    let found = in_plan(&json!({}), &json!({"name": "app", "privileged": true}));
    assert!(is_in(
        &found,
        "privileged-container",
        &format!("{APP}/privileged")
    ));
}

// Checkov CKV_AWS_335 reads `pidMode` of the containers; it is an argument of the task.
#[test]
fn the_process_namespace_of_a_task_in_a_terraform_plan_is_seen() {
    let found = in_plan(&json!({"pid_mode": "host"}), &json!({"name": "app"}));
    assert!(is_in(&found, "host-pid", "/pidMode"));
}

// Checkov CKV_AWS_97 comes back after the first EFS volume.
#[test]
fn every_efs_volume_of_a_terraform_plan_is_seen() {
    let efs = |encryption: &str| {
        json!([{"file_system_id": "fs-1", "transit_encryption": encryption,
            "authorization_config": [{"access_point_id": "fsap-1", "iam": "ENABLED"}]}])
    };
    let volumes = json!({"volume": [
        {"name": "a", "host_path": "", "efs_volume_configuration": efs("ENABLED")},
        {"name": "b", "host_path": "", "efs_volume_configuration": efs("DISABLED")},
        {"name": "c", "host_path": "", "efs_volume_configuration": efs("DISABLED")},
    ]});
    let found = in_plan(&volumes, &json!({"name": "app"}));
    for (volume, is_bad) in [(0, false), (1, true), (2, true)] {
        let pointer = format!("/volumes/{volume}/efsVolumeConfiguration/transitEncryption");
        assert_eq!(
            is_in(&found, "unencrypted-efs-volume", &pointer),
            is_bad,
            "{pointer}"
        );
    }
}

// Checkov has no check of a task definition for these.
#[test]
fn the_socket_of_the_runtime_in_a_terraform_plan_is_seen() {
    let arguments = json!({"volume": [{"name": "s", "host_path": "/var/run/docker.sock"}]});
    let container = json!({"name": "app", "mountPoints": [
        {"sourceVolume": "s", "containerPath": "/s", "readOnly": true}]});
    let found = in_plan(&arguments, &container);
    assert!(is_in(
        &found,
        "host-runtime-socket",
        "/volumes/0/host/sourcePath"
    ));
}

#[test]
fn a_dangerous_capability_in_a_terraform_plan_is_seen() {
    let container =
        json!({"name": "app", "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}});
    let pointer = format!("{APP}/linuxParameters/capabilities/add/0");
    assert!(is_in(
        &in_plan(&json!({}), &container),
        "dangerous-capability",
        &pointer
    ));
}

#[test]
fn the_network_of_the_host_in_a_terraform_plan_is_seen() {
    let found = in_plan(&json!({"network_mode": "host"}), &json!({"name": "app"}));
    assert!(is_in(&found, "host-network", "/networkMode"));
}

#[test]
fn a_password_by_its_name_in_a_terraform_plan_is_seen() {
    let container =
        json!({"name": "app", "environment": [{"name": "DB_PASSWORD", "value": "correct horse"}]});
    let pointer = format!("{APP}/environment/0/value");
    assert!(is_in(
        &in_plan(&json!({}), &container),
        "secret-in-environment",
        &pointer
    ));
}

// Checkov's checks for CloudFormation are of EFS volumes and Container Insights alone, and Trivy's
// (AVD-AWS-0034 to 0036) of those and of passwords.
#[test]
fn a_template_is_asked_all_that_a_plan_is() {
    let template = r"
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      NetworkMode: host
      PidMode: host
      IpcMode: host
      Volumes:
        - Name: socket
          Host: {SourcePath: /var/run/docker.sock}
      ContainerDefinitions:
        - Name: app
          Image: nginx
          Privileged: true
          User: '0:0'
          ReadonlyRootFilesystem: false
          MountPoints: [{SourceVolume: socket, ContainerPath: /s}]
          LinuxParameters: {Capabilities: {Add: [SYS_ADMIN]}}
          Environment: [{Name: DB_PASSWORD, Value: correct horse}]
";
    let found = found("template.yaml", template);
    for rule in [
        "privileged-container",
        "root-user",
        "writable-root-filesystem",
        "dangerous-capability",
        "host-network",
        "host-pid",
        "host-ipc",
        "host-runtime-socket",
        "secret-in-environment",
    ] {
        assert!(speaks_of(&found, rule), "{rule}");
    }
}

// Prowler's ecs_task_definitions_host_networking_mode_users knows root by the word alone, and lets a
// privileged container pass.
#[test]
fn root_on_the_host_network_is_seen_by_any_name() {
    for user in ["0", "0:0", "root:root", "root", "0:root", "00", ""] {
        for privileged in [false, true] {
            let found = in_request(&json!({"networkMode": "host", "containerDefinitions": [
                {"name": "app", "user": user, "privileged": privileged}]}));
            assert!(is_in(&found, "root-user", &format!("{APP}/user")), "{user}");
            assert!(is_in(&found, "host-network", "/networkMode"), "{user}");
            assert_eq!(
                speaks_of(&found, "privileged-container"),
                privileged,
                "{user}"
            );
        }
    }
}

// Automated Security Response on AWS, runbook for ECS.5, takes revisions of one digit only.
#[test]
fn a_revision_of_many_digits_is_judged_and_named_whole() {
    let event = std::fs::read_to_string(events().join("task-definition-guard/privileged.json"));
    let event: Value = serde_json::from_str(&event.unwrap()).unwrap();
    let arn = event
        .pointer("/detail/responseElements/taskDefinition/taskDefinitionArn")
        .and_then(Value::as_str)
        .unwrap();
    let (family, revision) = arn.rsplit_once(':').unwrap();
    for number in ["9", "10", "347", "1000000"] {
        let arn = format!("{family}:{number}");
        let mut event = event.clone();
        event["detail"]["responseElements"]["taskDefinition"]["taskDefinitionArn"] = json!(arn);
        event["detail"]["responseElements"]["taskDefinition"]["revision"] = json!(number);
        let folder = folder(&[("e.json", event.to_string().as_bytes())]);
        let output = tidewaiter(folder.path(), &["replay", "--format", "json", "e.json"]);
        let report = output_json(&output);
        let action = &report["results"][0]["actions"][0];
        assert_eq!(action["target"], json!(arn), "{revision} {report:#}");
        let command = action["command"].as_str().unwrap();
        assert!(command.contains(&arn), "{command}");
    }
}

// The same runbook sets `readonlyRootFilesystem` on every container; Windows has no such setting.
#[test]
fn windows_containers_are_not_asked_for_what_windows_lacks() {
    let of = |system: &str| {
        in_request(
            &json!({"runtimePlatform": {"operatingSystemFamily": system},
            "containerDefinitions": [{"name": "app"}]}),
        )
    };
    assert!(speaks_of(&of("LINUX"), "writable-root-filesystem"));
    for system in ["WINDOWS_SERVER_2019_FULL", "WINDOWS_SERVER_2025_CORE"] {
        assert!(
            !speaks_of(&of(system), "writable-root-filesystem"),
            "{system}"
        );
        assert!(!speaks_of(&of(system), "root-user"), "{system}");
    }
}

// The rule of KICS for the network mode (9f4a9409) finds nothing where none is set, which is `bridge`.
#[test]
fn a_network_mode_that_is_not_set_is_a_bridge() {
    for text in [
        plan(&json!({}), &json!({"name": "app"})),
        plan(&json!({"network_mode": null}), &json!({"name": "app"})),
        plan(&json!({"network_mode": "bridge"}), &json!({"name": "app"})),
    ] {
        assert!(
            is_in(
                &found("plan.json", &text),
                "non-awsvpc-network",
                "/networkMode"
            ),
            "{text}"
        );
    }
    let awsvpc = in_plan(&json!({"network_mode": "awsvpc"}), &json!({"name": "app"}));
    assert!(!speaks_of(&awsvpc, "non-awsvpc-network"));
    // Fargate knows nothing but `awsvpc`.
    let fargate = in_plan(
        &json!({"requires_compatibilities": ["FARGATE"]}),
        &json!({"name": "app"}),
    );
    assert!(!speaks_of(&fargate, "non-awsvpc-network"));
}

// The rule of KICS for EFS finds volumes too that are not of EFS (Checkmarx/kics#8031).
#[test]
fn a_volume_of_fargate_is_no_unencrypted_file_system() {
    let arguments = json!({"requires_compatibilities": ["FARGATE"], "volume": [
        {"name": "tmp", "host_path": "", "efs_volume_configuration": [],
         "docker_volume_configuration": [], "fsx_windows_file_server_volume_configuration": []},
        {"name": "cache"},
    ]});
    let found = in_plan(&arguments, &json!({"name": "app"}));
    assert!(!speaks_of(&found, "unencrypted-efs-volume"), "{found:?}");
    assert!(!speaks_of(&found, "efs-without-access-point"), "{found:?}");
}

// Trivy has no check of a task definition's privileges, users, file systems or namespaces.
#[test]
fn what_a_container_may_do_in_a_terraform_plan_is_asked() {
    let arguments = json!({"pid_mode": "host", "ipc_mode": "host", "network_mode": "host"});
    let found = in_plan(
        &arguments,
        &json!({"name": "app", "privileged": true, "user": "root"}),
    );
    for (rule, pointer) in [
        ("privileged-container", "/containerDefinitions/0/privileged"),
        ("root-user", "/containerDefinitions/0/user"),
        (
            "writable-root-filesystem",
            "/containerDefinitions/0/readonlyRootFilesystem",
        ),
        ("host-pid", "/pidMode"),
        ("host-ipc", "/ipcMode"),
        ("host-network", "/networkMode"),
    ] {
        assert!(is_in(&found, rule, pointer), "{rule}");
    }
}
