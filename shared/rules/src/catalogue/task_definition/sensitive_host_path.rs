use super::{
    super::{
        Answer, Applies, Check, Context, PodSecurity, References, Rule,
        host_path::{Exposure, HostPath, judge_mounted},
    },
    host_runtime_socket,
};
use crate::{Severity, facts::TaskDefinition, names::quoted};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "sensitive-host-path",
    summary: "a container mounts a directory of the host that the host depends on",
    severity: Severity::High,
    applies: Applies::EVERYWHERE,
    help: "remove `sourcePath` where any directory will do, or keep the data in one of its own, for example `/opt/app/data`; where the host's files must be seen, set `\"readOnly\": true` and allow the path in the policy",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.5"],
        pod_security: Some(PodSecurity::Baseline),
    },
    check: Check::TaskDefinition(check),
};

/// What is in these, and what holds them, is the host's own. `/bin`, `/sbin` and `/lib` are links
/// into `/usr`, and read as such.
const FOLDERS: &[&str] = &[
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/proc",
    "/root",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/cloud",
    "/var/lib/ecs",
    "/var/log",
    "/var/spool/cron",
    "/c:/program files",
    "/c:/programdata/amazon",
    "/c:/programdata/docker",
    "/c:/users",
    "/c:/windows",
];

fn sensitive(path: &HostPath) -> Option<&'static str> {
    FOLDERS
        .iter()
        .copied()
        .find(|folder| path.is_within(folder) || path.holds(folder))
}

fn check(definition: &TaskDefinition, context: &Context<'_>) -> Vec<Answer> {
    judge_mounted(definition, context, |path| {
        if host_runtime_socket::exposed(path).is_some() {
            return None;
        }
        let folder = sensitive(path)?;
        let what = if path.as_str() == folder {
            "the host depends on what is there".to_owned()
        } else if path.is_within(folder) {
            format!("it is in {}, which the host depends on", shown(folder))
        } else {
            format!("it holds {}, which the host depends on", shown(folder))
        };
        Some(Exposure {
            what,
            severity: Some((Severity::High, Severity::Medium)),
        })
    })
}

fn shown(folder: &str) -> String {
    quoted(
        folder
            .strip_prefix("/c:")
            .map_or(folder, |_| folder.trim_start_matches('/')),
    )
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

    fn mounting(path: &str, mounts: &[&str]) -> String {
        let path = serde_json::to_string(path).unwrap();
        let containers: Vec<String> = mounts
            .iter()
            .map(|rest| format!(r#"{{"name":"app","mountPoints":[{{"sourceVolume":"v"{rest}}}]}}"#))
            .collect();
        format!(
            r#"{{"volumes":[{{"name":"v","host":{{"sourcePath":{path}}}}}],"containerDefinitions":[{}]}}"#,
            containers.join(",")
        )
    }

    const READ_ONLY: &str = r#","readOnly":true"#;

    fn severities(json: &str) -> Vec<Severity> {
        let severities = judge(&RULE, json).into_iter().map(|a| a.severity.unwrap());
        severities.collect()
    }

    #[test]
    fn the_hosts_own_directories_are_found_however_they_are_written() {
        for path in [
            "/etc",
            "/etc/",
            "//etc",
            "/opt/../etc",
            "/etc/ssl/certs",
            "/boot",
            "/dev",
            "/dev/shm",
            "/lib",
            "/lib/modules",
            "/lib64",
            "/bin",
            "/proc",
            "/proc/1/root/etc",
            "/sys",
            "/sys/fs/cgroup",
            "/usr",
            "/usr/src",
            "/root",
            "/root/.ssh",
            "/home",
            "/home/ec2-user",
            "/var/lib/docker",
            "/var/lib/docker/containers",
            "/var/lib/containerd",
            "/var/lib/ecs/data",
            "/var/log",
            "/var/log/messages",
            "/var/lib/cloud/scripts/per-boot",
            "/var/spool/cron",
            "/var/spool",
            // What holds one of them.
            "/var",
            "/var/",
            "/var/lib",
            r"C:\",
            r"c:\Windows\System32",
            r"C:\ProgramData",
        ] {
            assert_eq!(
                severities(&mounting(path, &[""])),
                [Severity::High],
                "{path}"
            );
            let read_only = severities(&mounting(path, &[READ_ONLY]));
            assert_eq!(read_only, [Severity::Medium], "{path}");
        }
    }

    #[test]
    fn directories_of_ones_own_and_those_that_docker_makes_are_fine() {
        for path in [
            "",
            "data",
            "/opt",
            "/opt/app",
            "/srv",
            "/mnt/efs",
            "/data",
            "/tmp",
            "/etcd",
            "/var/lib/app",
            "/var/lib/docker2",
            "/var/log2",
            "/var/cache/app",
            "/home2",
            r"C:\app\data",
            r"D:\",
        ] {
            assert_eq!(severities(&mounting(path, &[""])), [], "{path}");
        }
        assert_eq!(severities(&mounting("/etc", &[])), []);
    }

    #[test]
    fn one_mount_that_may_write_is_enough() {
        for (mounts, severity) in [
            (&[READ_ONLY, READ_ONLY][..], Severity::Medium),
            (&[READ_ONLY, ""], Severity::High),
            (&["", READ_ONLY], Severity::High),
            (&[r#","readOnly":null"#], Severity::High),
            (&[r#","readOnly":false"#], Severity::High),
        ] {
            assert_eq!(
                severities(&mounting("/etc", mounts)),
                [severity],
                "{mounts:?}"
            );
        }
    }

    #[test]
    fn what_the_socket_rule_says_is_not_said_again() {
        for path in [
            "/",
            "/run",
            "/var/run/docker.sock",
            "/var/lib/docker/docker.sock",
            "/proc/1/root",
        ] {
            assert_eq!(severities(&mounting(path, &[""])), [], "{path}");
            assert_eq!(
                judge(&host_runtime_socket::RULE, &mounting(path, &[""])).len(),
                1,
                "{path}"
            );
        }
    }

    #[test]
    fn a_policy_may_allow_paths() {
        let mut parameters = Parameters::default();
        parameters.sensitive_host_path.allowed = [
            "/proc",
            "/sys/fs/cgroup*",
            "/lib/modules",
            r"C:\Users\app\*",
        ]
        .map(str::to_owned)
        .to_vec();
        for (path, allowed) in [
            ("/proc", true),
            ("/proc/", true),
            ("/proc/1", false),
            ("/proc/1/root/etc", false),
            ("/sys/fs/cgroup", true),
            ("/sys/fs/cgroup/../../../etc", false),
            ("/sys", false),
            ("/lib/modules", true),
            (r"c:\users\App\data", true),
            (r"c:\users\other", false),
        ] {
            let answers = judge_with(&RULE, &mounting(path, &[""]), &parameters);
            assert_eq!(answers.is_empty(), allowed, "{path}");
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let unknown = |json: &str, change: fn(&mut TaskDefinition)| {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers.len(), 1, "{json}");
            (answers[0].outcome, answers[0].severity)
        };
        let json = mounting("/opt", &[READ_ONLY]);
        assert_eq!(
            unknown(&json, |d| d.volumes = Field::Unknown(String::new())),
            (Outcome::Unknown, None)
        );
        assert_eq!(
            unknown(&mounting("/etc", &[READ_ONLY]), |d| {
                d.container_definitions[0].mount_points = Field::Unknown(String::new());
            }),
            (Outcome::Unknown, Some(Severity::High))
        );
        // That it is mounted is known, whether it may write is not: the worse is meant.
        assert_eq!(
            unknown(&mounting("/etc", &[READ_ONLY]), |d| {
                if let Field::Known(points) = &mut d.container_definitions[0].mount_points {
                    points[0].read_only = Field::Unknown(String::new());
                }
            }),
            (Outcome::Fail, Some(Severity::High))
        );
    }
}
