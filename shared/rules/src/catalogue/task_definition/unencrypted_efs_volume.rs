use super::super::{Answer, Applies, Check, Context, References, Rule, each::efs_volumes};
use crate::{Edit, Severity, facts::TaskDefinition, field::Field};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "unencrypted-efs-volume",
    summary: "an EFS volume is mounted without encryption in transit",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "set `\"transitEncryption\": \"ENABLED\"` in the volume's `efsVolumeConfiguration`",
    references: References {
        guidance: "encrypt data in transit",
        aws_config: &["ECS_TASK_DEFINITION_EFS_ENCRYPTION_ENABLED"],
        security_hub: &["ECS.18"],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let what = "whether it is encrypted in transit";
    efs_volumes(definition, what, |placed, volume| {
        let pointer = || placed.pointer("transitEncryption");
        let message = match &volume.transit_encryption {
            Field::Known(value) if value.trim().eq_ignore_ascii_case("ENABLED") => return None,
            Field::Unknown(reason) => {
                let what = format!("whether {} is encrypted in transit", placed.shown());
                return Some(Answer::unreadable(pointer(), &what, reason));
            }
            Field::Known(_) => "goes over the network in clear",
            Field::Absent => "goes over the network in clear: `transitEncryption` is not set",
        };
        let message = format!("{} {message}", placed.shown());
        Some(Answer::fail(pointer(), message).fix(Edit::set(r#""ENABLED""#)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::judge;

    #[test]
    fn every_efs_volume_is_judged_and_no_other() {
        let json = r#"{"volumes":[
            {"name":"a","efsVolumeConfiguration":{"fileSystemId":"fs-1","transitEncryption":"ENABLED"}},
            {"name":"b","efsVolumeConfiguration":{"fileSystemId":"fs-2"}},
            {"name":"c","host":{}},
            {"name":"d"},
            {"name":"e","fsxWindowsFileServerVolumeConfiguration":{"fileSystemId":"fs-3"}},
            {"name":"f","efsVolumeConfiguration":{"transitEncryption":"DISABLED"}},
            {"name":"g","efsVolumeConfiguration":{"transitEncryption":"enabled"}},
            {"name":"h","efsVolumeConfiguration":{"transitEncryption":""}}]}"#;
        let pointers: Vec<String> = judge(&RULE, json).into_iter().map(|a| a.pointer).collect();
        let expected = [1, 5, 7]
            .map(|index| format!("/volumes/{index}/efsVolumeConfiguration/transitEncryption"));
        assert_eq!(pointers, expected);
    }
}
