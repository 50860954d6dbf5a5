//! The host's paths that containers mount, in one form however they are written.

use super::{Answer, Context};
use crate::{
    facts::{PlacedContainer, Scalar, TaskDefinition, Volume},
    field::Field,
    names::{quoted, quoted_value},
    policy::matches,
    severity::Severity,
};

/// An absolute path of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPath {
    /// Without `.`, `..`, and slashes that do nothing; on Windows in lower case with `/`.
    plain: String,
    /// `plain` with the links followed that every distribution has, `/var/run` to `/run`.
    real: String,
    windows: bool,
}

impl HostPath {
    /// Reads what Docker would take for a path; `None` for nothing and for the name of a volume.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("npipe:").unwrap_or(text);
        let mut first = text.chars();
        let has_drive = first
            .next()
            .is_some_and(|letter| letter.is_ascii_alphabetic())
            && first.next() == Some(':');
        let windows = has_drive || text.starts_with('\\') || text.starts_with("//./");
        let text = if windows {
            text.replace('\\', "/").to_lowercase()
        } else {
            text.to_owned()
        };
        if !has_drive && !text.contains('/') {
            return None;
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                "?" if windows => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Some(Self {
            plain: format!("/{}", parts.join("/")),
            real: format!("/{}", follow(&parts).join("/")),
            windows,
        })
    }

    /// The path with well-known links followed. A Windows path is in lower case and starts with
    /// `/c:`.
    pub(crate) fn as_str(&self) -> &str {
        &self.real
    }

    /// The name of what is there.
    pub(super) fn file_name(&self) -> &str {
        self.real.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is `folder` or something in it.
    pub(super) fn is_within(&self, folder: &str) -> bool {
        holds(folder, &self.real)
    }

    /// Whether it is `path` or a folder that `path` is in.
    pub(super) fn holds(&self, path: &str) -> bool {
        holds(&self.real, path)
    }

    fn is_allowed(&self, context: &Context<'_>) -> bool {
        let globs = &context.parameters.sensitive_host_path.allowed;
        globs.iter().any(|glob| {
            if self.windows {
                Self::read(glob).is_some_and(|glob| matches(&glob.real, &self.real))
            } else {
                matches(glob, &self.plain) || matches(glob, &self.real)
            }
        })
    }
}

fn holds(folder: &str, path: &str) -> bool {
    folder == "/"
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Follows the links of `/proc/N/root`, `/var/run` and `/usr`.
fn follow<'a>(parts: &[&'a str]) -> Vec<&'a str> {
    match parts {
        ["proc", _, "root", rest @ ..] => follow(rest),
        ["var", "run", rest @ ..] => [&["run"], rest].concat(),
        ["bin" | "sbin" | "lib" | "lib64", ..] => [&["usr"], parts].concat(),
        _ => parts.to_vec(),
    }
}

/// What a rule says of a path that it is against.
pub(super) struct Exposure {
    /// What the container gets with it, as the end of a sentence.
    pub(super) what: String,
    /// How bad it is with a mount that may write, and with one that may not; `None` is as bad as
    /// the rule says.
    pub(super) severity: Option<(Severity, Severity)>,
}

/// One answer for each volume whose path on the host `judge` is against and a container mounts.
/// Paths that the policy allows are not shown to `judge`.
pub(super) fn judge_mounted(
    definition: &TaskDefinition,
    context: &Context<'_>,
    judge: impl Fn(&HostPath) -> Option<Exposure>,
) -> Vec<Answer> {
    let volumes = match &definition.volumes {
        Field::Known(volumes) => volumes,
        Field::Absent => return Vec::new(),
        Field::Unknown(reason) => {
            let mounts_any =
                definition
                    .containers()
                    .any(|container| match &container.mount_points {
                        Field::Known(points) => !points.is_empty(),
                        Field::Unknown(_) => true,
                        Field::Absent => false,
                    });
            if !mounts_any {
                return Vec::new();
            }
            let what = "which paths of the host are mounted";
            return vec![Answer::unreadable("/volumes", what, reason)];
        }
    };
    let mut answers = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        answers.extend(judge_volume(definition, context, volume, index, &judge));
    }
    answers
}

fn judge_volume(
    definition: &TaskDefinition,
    context: &Context<'_>,
    volume: &Volume,
    index: usize,
    judge: impl Fn(&HostPath) -> Option<Exposure>,
) -> Option<Answer> {
    let name = volume.name.known().map_or("?", String::as_str);
    let what = || format!("which path of the host volume {} is", quoted(name));
    let (member, text) = source(volume)?;
    let mounts = Mounts::of(definition, volume);
    if mounts.containers.is_empty() && mounts.unsure.is_none() {
        return None;
    }
    let pointer = format!("/volumes/{index}/{member}");
    let text = match text {
        Ok(text) => text,
        Err(reason) => return Some(Answer::unreadable(pointer, &what(), reason)),
    };
    let read = paths(member, text).filter_map(HostPath::read);
    let mut refused = read.filter(|path| !path.is_allowed(context));
    let exposure = refused.find_map(|path| judge(&path))?;
    let answer = match (mounts.containers.as_slice(), mounts.unsure) {
        ([first, others @ ..], _) => {
            let message = format!(
                "container {}{} {} {} of the host: {}",
                quoted(&first.label()),
                match others.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                },
                if others.is_empty() { "mounts" } else { "mount" },
                quoted_value(text),
                exposure.what
            );
            let answer = Answer::fail(pointer, message);
            if others.is_empty() {
                answer.in_container(first)
            } else {
                answer
            }
        }
        ([], unsure) => {
            let what = format!(
                "whether a container mounts {} of the host",
                quoted_value(text)
            );
            Answer::unreadable(pointer, &what, &unsure.unwrap_or_default())
        }
    };
    Some(match exposure.severity {
        Some((writable, _)) if mounts.writable => answer.severity(writable),
        Some((_, read_only)) => answer.severity(read_only),
        None => answer,
    })
}

/// The member of a volume that names a path of the host, and the path or why it cannot be known.
pub(crate) fn source(volume: &Volume) -> Option<(&'static str, Result<&str, &str>)> {
    match &volume.host {
        Field::Unknown(reason) => return Some(("host", Err(reason))),
        Field::Known(host) => match &host.source_path {
            Field::Known(path) if path.trim().is_empty() => {}
            Field::Known(path) => return Some(("host/sourcePath", Ok(path))),
            Field::Unknown(reason) => return Some(("host/sourcePath", Err(reason))),
            Field::Absent => {}
        },
        Field::Absent => {}
    }
    // `mount -t TYPE -o OPTIONS DEVICE`, by way of Docker's `local` driver.
    let options = match &volume.docker_volume_configuration {
        Field::Known(volume) => match &volume.driver_opts {
            Field::Known(options) => options,
            Field::Unknown(reason) => {
                return Some(("dockerVolumeConfiguration/driverOpts", Err(reason)));
            }
            Field::Absent => return None,
        },
        Field::Unknown(reason) => return Some(("dockerVolumeConfiguration", Err(reason))),
        Field::Absent => return None,
    };
    let known = |name: &str| options.get(name).and_then(Field::known).map(Scalar::as_str);
    let words = known("o").unwrap_or_default();
    let mut each = words.split(',').map(str::trim);
    // The kernel forgets the type of a bind mount.
    if !each.any(|word| matches!(word, "bind" | "rbind")) {
        match known("type").unwrap_or_default().trim() {
            "cifs" | "nfs" | "nfs4" | "smb3" | "smbfs" | "tmpfs" => return None,
            "overlay" => return Some((LAYERS, Ok(words))),
            system => {
                let shown = OF_THE_KERNEL.iter().find(|(name, _)| *name == system);
                if let Some((_, path)) = shown {
                    return Some(("dockerVolumeConfiguration/driverOpts/type", Ok(path)));
                }
            }
        }
    }
    let member = "dockerVolumeConfiguration/driverOpts/device";
    match options.get("device")? {
        Field::Known(device) => Some((member, Ok(device.as_str()))),
        Field::Unknown(reason) => Some((member, Err(reason))),
        Field::Absent => None,
    }
}

/// The member that names the directories of an overlay.
const LAYERS: &str = "dockerVolumeConfiguration/driverOpts/o";

/// File systems that show the host itself wherever they are mounted, and where the host has them.
const OF_THE_KERNEL: &[(&str, &str)] = &[
    ("binfmt_misc", "/proc/sys/fs/binfmt_misc"),
    ("bpf", "/sys/fs/bpf"),
    ("cgroup", "/sys/fs/cgroup"),
    ("cgroup2", "/sys/fs/cgroup"),
    ("configfs", "/sys/kernel/config"),
    ("debugfs", "/sys/kernel/debug"),
    ("devtmpfs", "/dev"),
    ("efivarfs", "/sys/firmware/efi/efivars"),
    ("proc", "/proc"),
    ("securityfs", "/sys/kernel/security"),
    ("sysfs", "/sys"),
    ("tracefs", "/sys/kernel/tracing"),
];

/// The paths in what a member says: an overlay has several, `lowerdir=/a:/b,upperdir=/c`.
fn paths<'a>(member: &str, text: &'a str) -> impl Iterator<Item = &'a str> {
    let several = member == LAYERS;
    text.split(move |c| several && matches!(c, ',' | ':' | '='))
}

/// Who mounts a volume.
struct Mounts<'a> {
    containers: Vec<PlacedContainer<'a>>,
    /// Whether one of them, or one that cannot be known, may write.
    writable: bool,
    /// Why it cannot be known who else does.
    unsure: Option<String>,
}

impl<'a> Mounts<'a> {
    fn of(definition: &'a TaskDefinition, volume: &'a Volume) -> Self {
        let mut mounts = Self {
            containers: Vec::new(),
            writable: false,
            unsure: None,
        };
        for container in definition.containers() {
            let points = match &container.mount_points {
                Field::Known(points) => points,
                Field::Absent => continue,
                Field::Unknown(reason) => {
                    mounts.unsure = Some(reason.clone());
                    mounts.writable = true;
                    continue;
                }
            };
            let mut is_mounted = false;
            for point in points {
                match (&point.source_volume, &volume.name) {
                    (Field::Known(source), Field::Known(name)) if source.trim() == name.trim() => {
                        is_mounted = true;
                    }
                    (Field::Unknown(reason), Field::Known(_) | Field::Unknown(_))
                    | (Field::Known(_), Field::Unknown(reason)) => {
                        mounts.unsure = Some(reason.clone());
                    }
                    _ => continue,
                }
                mounts.writable |= point.read_only != Field::Known(true);
            }
            if is_mounted {
                mounts.containers.push(container);
            }
        }
        mounts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{find, tests::judge};

    #[test]
    fn a_path_that_is_empty_hides_no_other() {
        let json = r#"{"containerDefinitions":[{"name":"a","mountPoints":[{"sourceVolume":"v"}]}],
            "volumes":[{"name":"v","host":{"sourcePath":" "},"dockerVolumeConfiguration":{"driverOpts":{"o":"bind","device":"/etc"}}}]}"#;
        assert_eq!(judge(find("sensitive-host-path").unwrap(), json).len(), 1);
        // A folder of that name, which Windows alone takes for a prefix.
        assert_eq!(HostPath::read("/?/etc").unwrap().as_str(), "/?/etc");
    }

    #[test]
    fn a_docker_volume_may_be_a_bind_mount_in_disguise() {
        let found = |options: &str| -> Vec<String> {
            let json = format!(
                r#"{{"containerDefinitions":[{{"name":"a","mountPoints":[{{"sourceVolume":"v"}}]}}],
                    "volumes":[{{"name":"v","host":null,"dockerVolumeConfiguration":{{"driver":"local","driverOpts":{options}}}}}]}}"#
            );
            let rules = ["host-runtime-socket", "sensitive-host-path"];
            let rules = rules.into_iter().filter_map(find);
            rules
                .flat_map(|rule| judge(rule, &json))
                .map(|answer| answer.pointer)
                .collect()
        };
        let device = "/volumes/0/dockerVolumeConfiguration/driverOpts/device";
        assert_eq!(
            found(r#"{"type":"none","o":"bind","device":"/"}"#),
            [device]
        );
        assert_eq!(
            found(r#"{"o":"rw,rbind","device":"/run/docker.sock"}"#),
            [device]
        );
        assert_eq!(found(r#"{"device":"/etc"}"#), [device]);
        assert_eq!(
            found(r#"{"type":"nfs","o":"addr=10.0.0.1","device":":/etc"}"#),
            [] as [&str; 0]
        );
        assert_eq!(
            found(r#"{"type":"tmpfs","o":"size=1m","device":"tmpfs"}"#),
            [] as [&str; 0]
        );
        assert_eq!(found("null"), [] as [&str; 0]);
        // A disk of the host, whatever else is said of it.
        for options in [
            r#"{"type":"ext4","o":"rw","device":"/dev/xvda1"}"#,
            r#"{"type":"xfs","o":"noatime","device":"//dev/nvme0n1p1"}"#,
            r#"{"o":"rw","device":"/dev/sda"}"#,
            r#"{"type":"proc","o":"bind","device":"/etc"}"#,
        ] {
            assert_eq!(found(options), [device], "{options}");
        }
        // What the kernel shows of itself is the host's, wherever it is mounted.
        let kind = "/volumes/0/dockerVolumeConfiguration/driverOpts/type";
        for (system, _) in OF_THE_KERNEL {
            let options = format!(r#"{{"type":"{system}","o":"rw","device":"x"}}"#);
            assert_eq!(found(&options), [kind], "{options}");
        }
        // Each directory of an overlay.
        let layers = "/volumes/0/dockerVolumeConfiguration/driverOpts/o";
        for (options, at) in [
            (
                "lowerdir=/etc,upperdir=/data/u,workdir=/data/w",
                &[layers][..],
            ),
            (
                "lowerdir=/data/a:/,upperdir=/data/u,workdir=/data/w",
                &[layers],
            ),
            (
                "lowerdir=/data/a,upperdir=/root/.ssh,workdir=/data/w",
                &[layers],
            ),
            ("lowerdir=/data/a:/data/b", &[]),
        ] {
            let options = format!(r#"{{"type":"overlay","o":"{options}","device":"overlay"}}"#);
            assert_eq!(found(&options), at, "{options}");
        }
        assert_eq!(
            found(r#"{"type":"cifs","o":"username=u","device":"//home/share"}"#),
            [] as [&str; 0]
        );
    }

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        for (text, real) in [
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/var/..", "/"),
            ("/etc/", "/etc"),
            ("//etc//ssl/./certs/", "/etc/ssl/certs"),
            ("/opt/../etc", "/etc"),
            ("/opt/../../../etc/x/..", "/etc"),
            (" /etc ", "/etc"),
            ("/var/run", "/run"),
            ("/var/run/docker.sock", "/run/docker.sock"),
            ("/var/./run//docker.sock/", "/run/docker.sock"),
            ("/opt/../var/run/docker.sock", "/run/docker.sock"),
            ("/var/runner", "/var/runner"),
            ("/proc/1/root", "/"),
            ("/proc/self/root/var/run/docker.sock", "/run/docker.sock"),
            ("/proc/1/root/proc/1/root/etc", "/etc"),
            ("/proc/1/rootless", "/proc/1/rootless"),
            ("/lib/modules", "/usr/lib/modules"),
            ("/bin", "/usr/bin"),
            ("/library", "/library"),
            ("./etc", "/etc"),
            (r"\\.\pipe\docker_engine", "/pipe/docker_engine"),
            (r"\\?\pipe\Docker_Engine", "/pipe/docker_engine"),
            ("//./pipe/docker_engine", "/pipe/docker_engine"),
            ("npipe:////./pipe/docker_engine", "/pipe/docker_engine"),
            (r"C:\Windows\System32\..", "/c:/windows"),
            ("c:/", "/c:"),
        ] {
            let path = HostPath::read(text).unwrap();
            assert_eq!(path.as_str(), real, "{text}");
        }
        // The name of a Docker volume, or nothing at all.
        for text in ["", "  ", "etc", "data"] {
            assert_eq!(HostPath::read(text), None, "{text}");
        }
    }
}
