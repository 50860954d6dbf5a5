//! A container of a task definition.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Unexpected, Visitor, value::SeqAccessDeserializer},
};

use crate::field::Field;

/// What CloudTrail writes in place of what it does not show.
pub(crate) const REDACTED: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// One entry of `containerDefinitions`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    expecting = "a container definition"
)]
pub struct Container {
    /// The name, unique in the definition.
    pub name: Field<String>,
    /// The image reference.
    pub image: Field<String>,
    /// Whether the task stops when it stops; absent is true.
    pub essential: Field<bool>,
    /// CPU units; absent is 0.
    pub cpu: Field<Scalar>,
    /// Hard limit of memory in MiB.
    pub memory: Field<Scalar>,
    /// Soft limit of memory in MiB.
    pub memory_reservation: Field<Scalar>,
    /// Whether the container has the host's powers; absent is false.
    pub privileged: Field<bool>,
    /// `user`, `user:group`, `uid`, `uid:gid`, `user:gid` or `uid:group`; absent or empty is the
    /// image's `USER`, and root where the image has none.
    pub user: Field<String>,
    /// Whether the root file system is read-only; absent is false.
    pub readonly_root_filesystem: Field<bool>,
    /// Linux settings.
    pub linux_parameters: Field<LinuxParameters>,
    /// Present where the container is the FireLens log router of its task.
    pub firelens_configuration: Field<Present>,
    /// Variables in clear; unknown in CloudTrail's records.
    #[serde(deserialize_with = "redactable")]
    pub environment: Field<Vec<Variable>>,
    /// Files of variables in S3.
    pub environment_files: Field<Vec<Present>>,
    /// The command.
    pub command: Field<Vec<Field<String>>>,
    /// The entry point.
    pub entry_point: Field<Vec<Field<String>>>,
    /// Labels.
    pub docker_labels: Field<BTreeMap<String, Field<Scalar>>>,
    /// Where logs go.
    pub log_configuration: Field<LogConfiguration>,
    /// Volumes at paths.
    pub mount_points: Field<Vec<MountPoint>>,
    /// Ports.
    pub port_mappings: Field<Vec<PortMapping>>,
    /// `no-new-privileges`, `label:…`, `apparmor:…` and `credentialspec:…`.
    pub docker_security_options: Field<Vec<Field<String>>>,
    /// Domain credentials of Windows and Linux containers: `credentialspec:…` or
    /// `credentialspecdomainless:…`.
    pub credential_specs: Field<Vec<Field<String>>>,
    /// Kernel parameters.
    pub system_controls: Field<Vec<SystemControl>>,
    /// Resource limits.
    pub ulimits: Field<Vec<Ulimit>>,
    /// Links to other containers, in `bridge` mode.
    pub links: Field<Vec<Field<String>>>,
    /// The health check.
    pub health_check: Field<HealthCheck>,
    /// Whether standard input is kept open; absent is false.
    pub interactive: Field<bool>,
    /// Whether there is a terminal; absent is false.
    pub pseudo_terminal: Field<bool>,
    /// Lines of the hosts file.
    pub extra_hosts: Field<Vec<ExtraHost>>,
    /// `enabled` or `disabled`; absent is `enabled`.
    pub version_consistency: Field<String>,
    /// Whether ECS restarts the container by itself.
    pub restart_policy: Field<RestartPolicy>,
}

/// `linuxParameters` of a container.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "Linux parameters")]
pub struct LinuxParameters {
    /// Linux capabilities beyond and below the runtime's default.
    pub capabilities: Field<Capabilities>,
    /// Devices of the host.
    pub devices: Field<Vec<Device>>,
    /// Whether an init process reaps what others leave; absent is false.
    pub init_process_enabled: Field<bool>,
}

/// `linuxParameters.capabilities` of a container.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "capabilities")]
pub struct Capabilities {
    /// Names added to the default set, without `CAP_`.
    pub add: Field<Vec<Field<String>>>,
    /// Names dropped from the default set, without `CAP_`.
    pub drop: Field<Vec<Field<String>>>,
}

/// One entry of `linuxParameters.devices`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a device")]
pub struct Device {
    /// The path on the host.
    pub host_path: Field<String>,
}

/// One entry of `environment`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a variable")]
pub struct Variable {
    /// The name.
    pub name: Field<String>,
    /// The value, in clear.
    pub value: Field<Scalar>,
}

/// `logConfiguration`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a log configuration")]
pub struct LogConfiguration {
    /// `awslogs`, `awsfirelens`, `splunk`, …
    pub log_driver: Field<String>,
    /// The driver's options; `mode` is `blocking` or `non-blocking`.
    pub options: Field<BTreeMap<String, Field<Scalar>>>,
}

/// One entry of `mountPoints`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a mount point")]
pub struct MountPoint {
    /// The name of the volume.
    pub source_volume: Field<String>,
    /// The path in the container.
    pub container_path: Field<String>,
    /// Whether it is read-only; absent is false.
    pub read_only: Field<bool>,
}

/// One entry of `portMappings`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a port mapping")]
pub struct PortMapping {
    /// The port in the container.
    pub container_port: Field<Scalar>,
    /// The port on the host; absent or 0 in `bridge` mode is any free one.
    pub host_port: Field<Scalar>,
}

/// One entry of `systemControls`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a system control")]
pub struct SystemControl {
    /// The kernel parameter, for example `net.core.somaxconn`.
    pub namespace: Field<String>,
    /// Its value.
    pub value: Field<Scalar>,
}

/// One entry of `ulimits`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a ulimit")]
pub struct Ulimit {
    /// `nofile`, `nproc`, …
    pub name: Field<String>,
    /// The soft limit; -1 is none.
    pub soft_limit: Field<i64>,
    /// The hard limit; -1 is none.
    pub hard_limit: Field<i64>,
}

/// `healthCheck`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a health check")]
pub struct HealthCheck {
    /// The command.
    pub command: Field<Vec<Field<String>>>,
}

/// One entry of `extraHosts`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a host entry")]
pub struct ExtraHost {
    /// The name.
    pub hostname: Field<String>,
    /// The address.
    pub ip_address: Field<String>,
}

/// `restartPolicy`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a restart policy")]
pub struct RestartPolicy {
    /// Whether it is on.
    pub enabled: Field<bool>,
}

/// An object of which only its being there matters.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct Present {}

/// A text, number or boolean, as its text: AWS's APIs and the formats that describe them do not
/// agree on which of them a number is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl Scalar {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a number greater than zero, or a text that is no number at all, such as
    /// `1 vCPU`.
    pub fn is_positive(&self) -> bool {
        self.0
            .trim()
            .parse::<f64>()
            .map_or(!self.0.trim().is_empty(), |number| number > 0.0)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, number or boolean")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }
}

/// Variables, or what CloudTrail writes in their place. Read without a buffer, which could not hold
/// an unknowable value.
fn redactable<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Field<Vec<Variable>>, D::Error> {
    Ok(match Field::<Shown>::deserialize(deserializer)? {
        Field::Known(Shown(Some(variables))) => Field::Known(variables),
        Field::Known(Shown(None)) => Field::Unknown("CloudTrail does not show it".to_owned()),
        Field::Absent => Field::Absent,
        Field::Unknown(reason) => Field::Unknown(reason),
    })
}

/// Variables, where they are shown.
struct Shown(Option<Vec<Variable>>);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShownVisitor)
    }
}

struct ShownVisitor;

impl<'de> Visitor<'de> for ShownVisitor {
    type Value = Shown;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of variables")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, variables: A) -> Result<Shown, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(variables)).map(|list| Shown(Some(list)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Shown, E> {
        if text == REDACTED {
            Ok(Shown(None))
        } else {
            Err(E::invalid_type(Unexpected::Other("a text"), &self))
        }
    }
}
