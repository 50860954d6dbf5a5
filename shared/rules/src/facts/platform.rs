//! What tasks of a definition run on.

use serde::Deserialize;

use super::TaskDefinition;
use crate::field::Field;

/// `runtimePlatform`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a runtime platform")]
pub struct RuntimePlatform {
    /// `LINUX` or one of the `WINDOWS_SERVER_…` families.
    pub operating_system_family: Field<String>,
}

/// One entry of `placementConstraints`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    expecting = "a placement constraint"
)]
pub struct PlacementConstraint {
    /// A cluster query language expression.
    pub expression: Field<String>,
}

/// What tasks run on (ECS API, `Compatibility`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LaunchType {
    /// The account's own container instances.
    Ec2,
    /// Machines outside AWS.
    External,
    /// Instances that ECS manages.
    ManagedInstances,
    /// Fargate.
    Fargate,
    /// One that is not known here; every rule applies to it.
    Other(String),
}

impl LaunchType {
    /// Every launch type that is known here.
    pub const ALL: &'static [Self] = &[
        Self::Ec2,
        Self::External,
        Self::ManagedInstances,
        Self::Fargate,
    ];

    fn parse(name: &str) -> Self {
        match name {
            "EC2" => Self::Ec2,
            "EXTERNAL" => Self::External,
            "MANAGED_INSTANCES" => Self::ManagedInstances,
            "FARGATE" => Self::Fargate,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name as the ECS API spells it.
    pub fn name(&self) -> &str {
        match self {
            Self::Ec2 => "EC2",
            Self::External => "EXTERNAL",
            Self::ManagedInstances => "MANAGED_INSTANCES",
            Self::Fargate => "FARGATE",
            Self::Other(name) => name,
        }
    }
}

impl TaskDefinition {
    /// What the definition can run on: `compatibilities` as ECS computed them, else
    /// `requiresCompatibilities`, else EC2, which is the strictest.
    pub fn launch_types(&self) -> Vec<LaunchType> {
        if self.is_daemon() {
            return vec![LaunchType::ManagedInstances];
        }
        for field in [&self.compatibilities, &self.requires_compatibilities] {
            match field {
                Field::Known(names) if !names.is_empty() => {
                    return names.iter().map(|name| LaunchType::parse(name)).collect();
                }
                Field::Unknown(_) => return LaunchType::ALL.to_vec(),
                Field::Known(_) | Field::Absent => {}
            }
        }
        vec![LaunchType::Ec2]
    }

    /// Whether one of `wanted` is among [`Self::launch_types`], or one that is not known here.
    pub fn may_run_on(&self, wanted: &[LaunchType]) -> bool {
        // As most rules have it.
        if wanted == LaunchType::ALL {
            return true;
        }
        if self.is_daemon() {
            return wanted.contains(&LaunchType::ManagedInstances);
        }
        let is_wanted = |name: &String| {
            let mut known = LaunchType::ALL.iter();
            let known = known.find(|launch_type| launch_type.name() == name);
            known.is_none_or(|launch_type| wanted.contains(launch_type))
        };
        for field in [&self.compatibilities, &self.requires_compatibilities] {
            match field {
                Field::Known(names) if !names.is_empty() => return names.iter().any(is_wanted),
                Field::Unknown(_) => return !wanted.is_empty(),
                Field::Known(_) | Field::Absent => {}
            }
        }
        wanted.contains(&LaunchType::Ec2)
    }

    /// Whether the containers are Windows containers. `runtimePlatform` decides, and where it cannot
    /// be known they are not; without it, a placement constraint that is nothing but a demand for
    /// Windows does. An expression with more in it is not trusted: `… == windows or … == linux` would
    /// switch rules off.
    pub fn is_windows(&self) -> bool {
        match &self.runtime_platform {
            Field::Known(platform) => match &platform.operating_system_family {
                Field::Known(family) => return starts_with(family, "WINDOWS"),
                Field::Unknown(_) => return false,
                Field::Absent => {}
            },
            Field::Unknown(_) => return false,
            Field::Absent => {}
        }
        self.placement_constraints
            .known()
            .into_iter()
            .flatten()
            .filter_map(|constraint| constraint.expression.known())
            .any(|expression| demands_windows(expression))
    }

    /// Why it cannot be known whether the containers are Windows containers, where it cannot.
    pub(crate) fn unknown_system(&self) -> Option<&str> {
        let family = match &self.runtime_platform {
            Field::Known(platform) => &platform.operating_system_family,
            Field::Unknown(reason) => return Some(reason),
            Field::Absent => &Field::Absent,
        };
        match (family, &self.placement_constraints) {
            (Field::Known(_), _) | (Field::Absent, Field::Absent) => None,
            (Field::Unknown(reason), _) | (_, Field::Unknown(reason)) => Some(reason),
            (Field::Absent, Field::Known(constraints)) => constraints
                .iter()
                .find_map(|constraint| constraint.expression.unknown()),
        }
    }
}

fn demands_windows(expression: &str) -> bool {
    let Some((attribute, value)) = equality(expression) else {
        return false;
    };
    attribute.eq_ignore_ascii_case("attribute:ecs.os-type") && value.eq_ignore_ascii_case("windows")
        || attribute.eq_ignore_ascii_case("attribute:ecs.os-family")
            && starts_with(value, "windows_")
}

/// The two words of `ATTRIBUTE == VALUE` or `ATTRIBUTE equals VALUE`, where that is all.
fn equality(expression: &str) -> Option<(&str, &str)> {
    let (attribute, value) = if let Some(sides) = expression.split_once("==") {
        sides
    } else {
        let (attribute, rest) = expression.trim().split_once(char::is_whitespace)?;
        let (operator, value) = rest.trim().split_once(char::is_whitespace)?;
        if !operator.eq_ignore_ascii_case("equals") {
            return None;
        }
        (attribute, value)
    };
    let (attribute, value) = (attribute.trim(), value.trim());
    let is_one_word = !value.contains(char::is_whitespace) && !value.contains("==");
    is_one_word.then_some((attribute, value))
}

/// Whether `text` starts with `prefix` in any case.
fn starts_with(text: &str, prefix: &str) -> bool {
    let start = text.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(json: &str) -> TaskDefinition {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_a_whole_demand_for_windows_is_one() {
        for (expression, expected) in [
            ("attribute:ecs.os-type == windows", true),
            ("attribute:ecs.os-type==Windows", true),
            ("attribute:ecs.os-type equals windows", true),
            ("attribute:ecs.os-family == windows_server_2022_core", true),
            ("attribute:ecs.os-type == linux", false),
            ("attribute:ecs.os-family == linux", false),
            ("attribute:team == windows", false),
            ("attribute:team == windows_x", false),
            ("attribute:ecs.os-type not_equals windows", false),
            (
                "attribute:ecs.os-type == windows or attribute:team == a",
                false,
            ),
            (
                "attribute:ecs.os-family == windows_x or attribute:team",
                false,
            ),
            ("attribute:ecs.os-family == windows_x==y", false),
        ] {
            assert_eq!(demands_windows(expression), expected, "{expression}");
        }
    }

    #[test]
    fn an_empty_list_of_launch_types_exempts_from_nothing() {
        let empty = definition(r#"{"requiresCompatibilities":[],"compatibilities":[]}"#);
        assert!(empty.may_run_on(&[LaunchType::Ec2]));
        let required =
            definition(r#"{"requiresCompatibilities":["FARGATE"],"compatibilities":[]}"#);
        assert!(required.may_run_on(&[LaunchType::Fargate]));
        assert!(!required.may_run_on(&[LaunchType::Ec2]));
    }

    #[test]
    fn launch_types_come_from_ecs_first_and_are_ec2_when_nobody_says() {
        let names = |json| -> Vec<String> {
            let types = definition(json).launch_types();
            types.iter().map(|t| t.name().to_owned()).collect()
        };
        assert_eq!(names("{}"), ["EC2"]);
        assert_eq!(
            names(r#"{"requiresCompatibilities":["FARGATE"]}"#),
            ["FARGATE"]
        );
        assert_eq!(
            names(r#"{"requiresCompatibilities":["FARGATE"],"compatibilities":["EC2","FARGATE"]}"#),
            ["EC2", "FARGATE"]
        );
        assert_eq!(
            names(r#"{"requiresCompatibilities":[],"compatibilities":[]}"#),
            ["EC2"]
        );
        assert_eq!(names(r#"{"requiresCompatibilities":["MOON"]}"#), ["MOON"]);
    }

    #[test]
    fn windows_is_believed_only_where_nothing_else_is_possible() {
        for (json, windows) in [
            (
                r#"{"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}}"#,
                true,
            ),
            (
                r#"{"runtimePlatform":{"operatingSystemFamily":"LINUX"},
                    "placementConstraints":[{"expression":"attribute:ecs.os-type == windows"}]}"#,
                false,
            ),
            (
                r#"{"placementConstraints":[{"type":"memberOf","expression":"attribute:ecs.os-type==windows"}]}"#,
                true,
            ),
            (
                r#"{"placementConstraints":[{"expression":"attribute:ecs.os-family == WINDOWS_SERVER_2019_FULL"}]}"#,
                true,
            ),
            (
                r#"{"placementConstraints":[{"expression":"attribute:ecs.os-type == windows or attribute:ecs.os-type == linux"}]}"#,
                false,
            ),
            (
                r#"{"placementConstraints":[{"expression":"not(attribute:ecs.os-type == windows)"}]}"#,
                false,
            ),
            (
                r#"{"placementConstraints":[{"expression":"attribute:ecs.os-type != windows"}]}"#,
                false,
            ),
            ("{}", false),
        ] {
            assert_eq!(definition(json).is_windows(), windows, "{json}");
        }
    }
}
