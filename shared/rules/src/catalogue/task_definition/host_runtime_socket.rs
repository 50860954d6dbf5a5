use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    host_path::{Exposure, HostPath, judge_mounted},
};
use crate::{Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "host-runtime-socket",
    summary: "a container mounts the socket of the container runtime, or a directory that holds it",
    severity: Severity::Critical,
    applies: Applies::EVERYWHERE,
    help: "remove the volume; what only reads metadata can ask the task metadata endpoint (`ECS_CONTAINER_METADATA_URI_V4`) or the ECS API instead",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.31"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

/// Sockets at the places where the distributions put them, and what answers there.
const SOCKETS: &[(&str, &str)] = &[
    ("/run/docker.sock", "the Docker socket"),
    ("/run/containerd/containerd.sock", "the containerd socket"),
    (
        "/run/docker/containerd/containerd.sock",
        "the containerd socket",
    ),
    ("/run/crio/crio.sock", "the CRI-O socket"),
    ("/run/podman/podman.sock", "the Podman socket"),
    ("/run/ecs", "the sockets of the ECS agent"),
    // systemd starts any program as root for whoever is root where they ask.
    ("/run/dbus/system_bus_socket", "the system bus"),
    ("/run/systemd/private", "the systemd socket"),
    ("/pipe/docker_engine", "the Docker pipe"),
    ("/pipe/containerd-containerd", "the containerd pipe"),
];

/// The same sockets where somebody has moved them to, rootless ones among them.
const NAMES: &[(&str, &str)] = &[
    ("docker.sock", "the Docker socket"),
    ("containerd.sock", "the containerd socket"),
    ("containerd.sock.ttrpc", "the containerd socket"),
    ("crio.sock", "the CRI-O socket"),
    ("podman.sock", "the Podman socket"),
];

/// The socket that a mount of this path exposes.
pub(super) fn exposed(path: &HostPath) -> Option<&'static str> {
    let named = NAMES.iter().find(|(name, _)| path.file_name() == *name);
    let placed = || SOCKETS.iter().find(|(socket, _)| path.holds(socket));
    let of_agent = || {
        SOCKETS
            .iter()
            .find(|(socket, _)| *socket == "/run/ecs" && path.is_within(socket))
    };
    let (_, what) = named.or_else(placed).or_else(of_agent)?;
    Some(what)
}

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    judge_mounted(definition, context, |path| {
        let socket = exposed(path)?;
        Some(Exposure {
            what: format!("whoever talks to {socket} commands the host, read-only mount or not"),
            severity: None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after, judge_with},
        decide::Outcome,
        field::Field,
        policy::Parameters,
    };

    fn mounting(path: &str, mount: &str) -> String {
        let path = serde_json::to_string(path).unwrap();
        format!(
            r#"{{"volumes":[{{"name":"v","host":{{"sourcePath":{path}}}}}],
                "containerDefinitions":[{{"name":"app","mountPoints":[{mount}]}}]}}"#
        )
    }

    const MOUNT: &str = r#"{"sourceVolume":"v","containerPath":"/x"}"#;
    const READ_ONLY: &str = r#"{"sourceVolume":"v","containerPath":"/x","readOnly":true}"#;

    #[test]
    fn a_socket_is_found_wherever_and_however_it_is_mounted() {
        for path in [
            "/var/run/docker.sock",
            "/run/docker.sock",
            "/var/run/docker.sock/",
            "//var//run/./docker.sock",
            "/opt/app/../../var/run/docker.sock",
            "/run/containerd/containerd.sock",
            "/run/containerd/containerd.sock.ttrpc",
            "/run/docker/containerd/containerd.sock",
            "/var/run/crio/crio.sock",
            "/run/podman/podman.sock",
            "/run/user/1000/podman/podman.sock",
            "/run/user/1000/docker.sock",
            "/opt/docker.sock",
            "/proc/1/root/run/docker.sock",
            "/run/host-containerd/containerd.sock",
            "/var/run/ecs",
            "/var/run/ecs/x.sock",
            "/var/run/dbus/system_bus_socket",
            "/run/dbus",
            "/run/systemd/private",
            // What holds it exposes it.
            "/",
            "//",
            "/var/..",
            "/proc/1/root",
            "/run",
            "/run/",
            "/var/run",
            "/var/run/..//run/../../var/run",
            "/run/containerd",
            "/run/crio",
            "/run/podman",
            "/run/docker",
            r"\\.\pipe\docker_engine",
            r"\\.\PIPE\Docker_Engine",
            "//./pipe/docker_engine",
            r"\\.\pipe\containerd-containerd",
        ] {
            for mount in [MOUNT, READ_ONLY] {
                let answers = judge(&RULE, &mounting(path, mount));
                assert_eq!(answers.len(), 1, "{path}");
                let answer = &answers[0];
                assert_eq!(answer.outcome, Outcome::Fail, "{path}");
                assert_eq!(answer.severity, None, "{path}");
                assert_eq!(answer.pointer, "/volumes/0/host/sourcePath");
                assert_eq!(answer.container.as_deref(), Some("app"));
            }
        }
    }

    #[test]
    fn what_holds_no_socket_or_is_not_mounted_is_another_matter() {
        for path in [
            "",
            " ",
            "docker",
            "/etc",
            "/var",
            "/var/lib/docker",
            "/run/app",
            "/runner",
            "/run/docker.socket",
            "/run/containerd2",
            "/run/ecsx",
            "/tmp/docker.sock.d",
            r"\\.\pipe\app",
            r"C:\data",
        ] {
            assert_eq!(judge(&RULE, &mounting(path, MOUNT)), [], "{path}");
        }
        let other = r#"{"sourceVolume":"w","containerPath":"/x"}"#;
        for mount in ["", other] {
            assert_eq!(judge(&RULE, &mounting("/run/docker.sock", mount)), []);
        }
        for volume in [
            r#"{"name":"v"}"#,
            r#"{"name":"v","host":{}}"#,
            r#"{"name":"v","host":null}"#,
        ] {
            let json = format!(
                r#"{{"volumes":[{volume}],"containerDefinitions":[{{"mountPoints":[{MOUNT}]}}]}}"#
            );
            assert_eq!(judge(&RULE, &json), []);
        }
    }

    #[test]
    fn several_containers_are_one_answer() {
        let json = format!(
            r#"{{"volumes":[{{"name":"u"}},{{"name":"v","host":{{"sourcePath":"/run"}}}}],"containerDefinitions":[
                {{"name":"a","mountPoints":[{MOUNT},{MOUNT}]}},{{"name":"b"}},{{"name":"c","mountPoints":[{MOUNT}]}}]}}"#
        );
        let answers = judge(&RULE, &json);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].pointer, "/volumes/1/host/sourcePath");
        assert_eq!(answers[0].container, None);
        assert!(
            answers[0]
                .message
                .starts_with("container `a` and 1 more mount `/run`")
        );
    }

    #[test]
    fn a_policy_may_allow_a_path() {
        let allowing = |glob: &str, path: &str| {
            let mut parameters = Parameters::default();
            parameters.sensitive_host_path.allowed = vec![glob.to_owned()];
            judge_with(&RULE, &mounting(path, MOUNT), &parameters).is_empty()
        };
        assert!(allowing("/var/run/docker.sock", "/var/run//docker.sock"));
        assert!(allowing("/run/docker.sock", "/var/run/docker.sock"));
        assert!(allowing(r"\\.\pipe\docker_*", r"\\.\pipe\Docker_Engine"));
        assert!(!allowing("/opt/*", "/opt/../run/docker.sock"));
        assert!(!allowing("/run/docker.sock", "/run"));
        assert!(!allowing("/proc/1/root", "/proc/1/root/run/docker.sock"));
    }

    type Change = fn(&mut TaskDefinition, String);

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let json = mounting("/run/docker.sock", MOUNT);
        let unknown = || "depends on parameter `P`".to_owned();
        let changes: [(Change, &str); 6] = [
            (|d, why| d.volumes = Field::Unknown(why), "/volumes"),
            (
                |d, why| volume(d).host = Field::Unknown(why),
                "/volumes/0/host",
            ),
            (
                |d, why| volume(d).host = source(Field::Unknown(why)),
                "/volumes/0/host/sourcePath",
            ),
            (
                |d, why| volume(d).name = Field::Unknown(why),
                "/volumes/0/host/sourcePath",
            ),
            (
                |d, why| d.container_definitions[0].mount_points = Field::Unknown(why),
                "/volumes/0/host/sourcePath",
            ),
            (
                |d, why| match &mut d.container_definitions[0].mount_points {
                    Field::Known(points) => points[0].source_volume = Field::Unknown(why),
                    _ => panic!("the definition has one"),
                },
                "/volumes/0/host/sourcePath",
            ),
        ];
        for (change, pointer) in changes {
            let answers = judge_after(&RULE, &json, |definition| change(definition, unknown()));
            assert_eq!(answers.len(), 1, "{pointer}");
            assert_eq!(answers[0].outcome, Outcome::Unknown, "{pointer}");
            assert_eq!(answers[0].pointer, pointer);
        }
        // Where nothing is mounted, it does not matter what.
        let unmounted = mounting("/run/docker.sock", "");
        for change in [
            |d: &mut TaskDefinition, why| d.volumes = Field::Unknown(why),
            |d: &mut TaskDefinition, why| volume(d).host = Field::Unknown(why),
        ] {
            let answers = judge_after(&RULE, &unmounted, |d| change(d, unknown()));
            assert_eq!(answers, []);
        }
    }

    fn volume(definition: &mut TaskDefinition) -> &mut crate::facts::Volume {
        match &mut definition.volumes {
            Field::Known(volumes) => &mut volumes[0],
            _ => panic!("the definition has one"),
        }
    }

    fn source(source_path: Field<String>) -> Field<crate::facts::HostVolume> {
        Field::Known(crate::facts::HostVolume { source_path })
    }
}
