use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{elements, inside, read},
    host_path::HostPath,
};
use crate::{Severity, facts::TaskDefinition, names::quoted_value};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "host-device",
    summary: "a container is given a device of the host",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "remove it from `linuxParameters.devices`; a GPU comes through `resourceRequirements`, a disk through a volume",
    references: References {
        guidance: "isolate containers from the host and from each other",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["5.17"],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

/// Memory of the host, and devices that are folders of disks.
const WHOLE: &[&str] = &[
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/block",
    "/dev/disk",
    "/dev/mapper",
    "/dev/root",
];

/// How names of disks begin.
const DISKS: &[&str] = &[
    "sd", "nvme", "xvd", "vd", "hd", "dm-", "md", "mmcblk", "loop",
];

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    const DEVICES: &str = "linuxParameters/devices";
    elements(
        definition,
        DEVICES,
        |container| format!("which devices {container} is given"),
        |container| {
            let parameters = read(DEVICES, &container.linux_parameters);
            inside(parameters, DEVICES, |parameters| &parameters.devices)
        },
        |element, device| {
            let path = element.read("hostPath", &device.host_path)?;
            Ok(path.map(|path| {
                let message = format!("is given {} of the host", quoted_value(path));
                judge(path, element.fails("hostPath", &message))
            }))
        },
    )
}

fn judge(path: &str, answer: Answer) -> Answer {
    let Some(path) = HostPath::read(path) else {
        return answer;
    };
    if path.as_str() == "/dev/fuse" {
        return answer.severity(Severity::Low).help(
            "a FUSE file system needs it, and `SYS_ADMIN` with it; mount S3 or EFS on the host or through a volume instead",
        );
    }
    // A folder gives all devices in it.
    let is_whole = WHOLE
        .iter()
        .any(|whole| path.is_within(whole) || path.holds(whole));
    let is_disk =
        path.is_within("/dev") && DISKS.iter().any(|disk| path.file_name().starts_with(disk));
    if is_whole || is_disk {
        answer
            .severity(Severity::High)
            .help("remove it: who has the host's memory or disks has the host")
    } else {
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::tests::{judge, judge_after},
        decide::Outcome,
        field::Field,
    };

    fn given(path: &str) -> Vec<Option<Severity>> {
        let json = format!(
            r#"{{"containerDefinitions":[{{"linuxParameters":{{"devices":[{{"hostPath":"{path}"}}]}}}}]}}"#
        );
        judge(&RULE, &json)
            .into_iter()
            .map(|a| a.severity)
            .collect()
    }

    #[test]
    fn memory_and_disks_are_worse_than_other_devices() {
        for path in [
            "/dev/mem",
            "/dev/kmem",
            "/dev/port",
            "/dev/sda",
            "/dev/sda1",
            "/dev/nvme0n1",
            "/dev/xvda",
            "/dev/dm-0",
            "/dev/mapper/root",
            "/dev/disk/by-id/x",
            "/dev//mem",
            "/dev/fuse/../sda",
            "/dev",
            "/dev/",
            "/",
        ] {
            assert_eq!(given(path), [Some(Severity::High)], "{path}");
        }
        for path in [
            "/dev/kvm",
            "/dev/snd",
            "/dev/nvidia0",
            "/dev/neuron0",
            "/dev/net/tun",
            "/dev/memory",
            "x",
            "",
        ] {
            assert_eq!(given(path), [None], "{path}");
        }
        assert_eq!(given("/dev/fuse"), [Some(Severity::Low)]);
    }

    #[test]
    fn no_device_is_no_finding() {
        for parameters in [
            "null",
            "{}",
            r#"{"devices":null}"#,
            r#"{"devices":[]}"#,
            r#"{"devices":[{}]}"#,
        ] {
            let json =
                format!(r#"{{"containerDefinitions":[{{"linuxParameters":{parameters}}}]}}"#);
            assert_eq!(judge(&RULE, &json), [], "{parameters}");
        }
        // GPUs and Neuron devices come another way.
        let gpu =
            r#"{"containerDefinitions":[{"resourceRequirements":[{"type":"GPU","value":"1"}]}]}"#;
        assert_eq!(judge(&RULE, gpu), []);
    }

    #[test]
    fn what_cannot_be_known_is_not_passed() {
        let json = r#"{"containerDefinitions":[{"linuxParameters":{"devices":[{"hostPath":"/dev/kvm"}]}}]}"#;
        let changes: [fn(&mut TaskDefinition); 3] = [
            |d| d.container_definitions[0].linux_parameters = Field::Unknown(String::new()),
            |d| {
                if let Field::Known(parameters) = &mut d.container_definitions[0].linux_parameters {
                    parameters.devices = Field::Unknown(String::new());
                }
            },
            |d| {
                if let Field::Known(parameters) = &mut d.container_definitions[0].linux_parameters
                    && let Field::Known(devices) = &mut parameters.devices
                {
                    devices[0].host_path = Field::Unknown(String::new());
                }
            },
        ];
        for change in changes {
            let answers = judge_after(&RULE, json, change);
            assert_eq!(answers.len(), 1);
            assert_eq!(answers[0].outcome, Outcome::Unknown);
        }
    }
}
