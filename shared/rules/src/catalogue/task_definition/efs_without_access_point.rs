use super::super::{
    Answer, Applies, Check, Context, References, Rule,
    each::{PlacedVolume, efs_volumes},
};
use crate::{
    Severity,
    facts::{EfsVolume, TaskDefinition},
    field::Field,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "efs-without-access-point",
    summary: "an EFS volume is mounted without an access point, or without asking IAM",
    severity: Severity::Low,
    applies: Applies::EVERYWHERE,
    help: "set `authorizationConfig` of the volume to an `accessPointId` with `\"iam\": \"ENABLED\"`; the access point then decides the directory and the uid",
    references: References {
        guidance: "give a task the least of a file system that it needs",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    efs_volumes(definition, "whether it has an access point", judge)
}

fn judge(placed: &PlacedVolume<'_>, volume: &EfsVolume) -> Option<Answer> {
    let unreadable = |member: &str, reason: &str| {
        let what = format!("how {} is mounted", placed.shown());
        Some(Answer::unreadable(placed.pointer(member), &what, reason))
    };
    let fails = |member: &str, message: &str| {
        let message = format!("{} {message}", placed.shown());
        Some(Answer::fail(placed.pointer(member), message))
    };
    let authorization = match &volume.authorization_config {
        Field::Known(authorization) => authorization,
        Field::Unknown(reason) => return unreadable("authorizationConfig", reason),
        Field::Absent => return fails("authorizationConfig", without_access_point(volume)),
    };
    let access_point = "authorizationConfig/accessPointId";
    match &authorization.access_point_id {
        Field::Known(id) if !id.trim().is_empty() => {}
        Field::Unknown(reason) => return unreadable(access_point, reason),
        Field::Known(_) | Field::Absent => {
            return fails(access_point, without_access_point(volume));
        }
    }
    let iam = "authorizationConfig/iam";
    match &authorization.iam {
        Field::Known(value) if value.trim().eq_ignore_ascii_case("ENABLED") => None,
        Field::Unknown(reason) => unreadable(iam, reason),
        Field::Known(_) | Field::Absent => fails(
            iam,
            "is mounted without IAM: nothing holds the task to its access point",
        ),
    }
}

fn without_access_point(volume: &EfsVolume) -> &'static str {
    let directory = volume.root_directory.known().map(|path| path.trim());
    if volume.root_directory.unknown().is_some()
        || directory.is_some_and(|path| !path.trim_matches('/').is_empty())
    {
        "has no access point: the task mounts a directory as any uid it likes"
    } else {
        "has no access point: the task mounts the whole file system as any uid it likes"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::judge;

    #[test]
    fn an_access_point_counts_where_iam_is_asked() {
        let member = "/volumes/0/efsVolumeConfiguration/authorizationConfig";
        for (volume, expected) in [
            ("{}", Some("")),
            (r#"{"rootDirectory":"/data"}"#, Some("")),
            (
                r#"{"authorizationConfig":{"iam":"ENABLED"}}"#,
                Some("/accessPointId"),
            ),
            (
                r#"{"authorizationConfig":{"accessPointId":"","iam":"ENABLED"}}"#,
                Some("/accessPointId"),
            ),
            (
                r#"{"authorizationConfig":{"accessPointId":"fsap-1"}}"#,
                Some("/iam"),
            ),
            (
                r#"{"authorizationConfig":{"accessPointId":"fsap-1","iam":"DISABLED"}}"#,
                Some("/iam"),
            ),
            (
                r#"{"authorizationConfig":{"accessPointId":"fsap-1","iam":"ENABLED"}}"#,
                None,
            ),
            (
                r#"{"rootDirectory":"/","authorizationConfig":{"accessPointId":"fsap-1","iam":"ENABLED"}}"#,
                None,
            ),
        ] {
            let json =
                format!(r#"{{"volumes":[{{"name":"v","efsVolumeConfiguration":{volume}}}]}}"#);
            let found = judge(&RULE, &json).first().map(|a| a.pointer.clone());
            assert_eq!(
                found,
                expected.map(|rest| format!("{member}{rest}")),
                "{volume}"
            );
        }
    }

    #[test]
    fn the_message_says_how_much_is_mounted() {
        for (root, whole) in [("", true), ("/", true), ("//", true), ("/data", false)] {
            let json = format!(
                r#"{{"volumes":[{{"efsVolumeConfiguration":{{"rootDirectory":"{root}"}}}}]}}"#
            );
            assert_eq!(
                judge(&RULE, &json)[0].message.contains("whole"),
                whole,
                "{root}"
            );
        }
    }
}
