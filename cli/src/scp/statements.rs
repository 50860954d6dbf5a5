//! What IAM can prevent of what a policy denies. Never more: a statement that is stricter than the
//! policy would break what the policy allows, and one that is more lenient is made up for by the
//! guard.

use std::collections::BTreeMap;

use tidewaiter_rules::{Level, Policy, Rule, names::quoted};

use super::{
    ScpArguments,
    document::{Effect, Resources, Statement, Values},
    wanted::{Part, Reach, parts},
};

/// The calls that take a definition.
const REGISTER: &[&str] = &[
    "ecs:RegisterTaskDefinition",
    "ecs:RegisterDaemonTaskDefinition",
];

/// The calls that take amounts for a task. Where one has no such member the key is absent, and
/// nothing is denied.
const SIZE: &[&str] = &[
    "ecs:RegisterTaskDefinition",
    "ecs:RegisterDaemonTaskDefinition",
    "ecs:RunTask",
    "ecs:CreateExpressGatewayService",
    "ecs:UpdateExpressGatewayService",
];

/// The call that says what a task may run on.
const COMPATIBILITY: &[&str] = &["ecs:RegisterTaskDefinition"];

/// The rule that IAM has a condition key for.
pub(super) const PRIVILEGED: &str = "privileged-container";

/// What becomes of a policy.
#[derive(Debug, Default)]
pub(super) struct Prevention {
    pub(super) statements: Vec<Statement>,
    /// What the statements do, in their order, for people.
    pub(super) effects: Vec<String>,
    /// What the policy denies or allows and the document does not, with the reason.
    pub(super) differences: Vec<String>,
    /// Exceptions that IAM has no word for; not empty when nobody said what to do about them.
    pub(super) unheard: Vec<String>,
}

/// What IAM can prevent.
pub(super) fn prevention(
    rule: &Rule,
    policy: &Policy,
    waivers: &[Exception],
    arguments: &ScpArguments,
) -> Prevention {
    let mut prevention = Prevention::default();
    prevention.privileged(rule, policy, waivers, arguments);
    prevention.sizes(arguments);
    prevention.compatibilities(arguments);
    prevention
}

/// Registrations that the policy lets through although their surroundings are denied.
#[derive(Debug)]
pub(super) struct Exception {
    name: String,
    reach: Reach,
    is_exact: bool,
}

/// The waivers of the rule that still hold and that a definition can be under, and the presets.
pub(super) fn waivers(policy: &Policy, rule: &Rule, now: jiff::Timestamp) -> Vec<Exception> {
    let waivers = policy
        .waivers()
        .iter()
        .filter(|waiver| waiver.rules.contains(&rule.id) && !waiver.has_expired(Some(now)));
    let waivers = waivers.filter_map(|waiver| {
        let bounds = waiver.bounds()?;
        Some(Exception {
            name: format!("waiver {} (until {})", quoted(&waiver.id), waiver.expires),
            reach: bounds.into(),
            is_exact: !bounds.has_more,
        })
    });
    // An agent is known by its image, for which IAM has no word.
    let presets = policy.presets().iter().filter(|preset| {
        let mut grants = preset.grants.iter();
        grants.any(|grant| grant.rule == rule.id)
    });
    let presets = presets.map(|preset| Exception {
        name: format!("preset {}", quoted(preset.name)),
        reach: Reach::default(),
        is_exact: false,
    });
    waivers.chain(presets).collect()
}

impl Prevention {
    fn privileged(
        &mut self,
        rule: &Rule,
        policy: &Policy,
        waivers: &[Exception],
        arguments: &ScpArguments,
    ) {
        let parts = parts(policy, rule);
        let mut broadest: Option<Vec<Reach>> = None;
        for part in &parts {
            if part.level != Level::Deny || !part.reach.is_possible() {
                continue;
            }
            if !part.is_exact {
                self.differences.push(format!(
                    "{} denies `{PRIVILEGED}` for what IAM cannot tell (launch type, tags): left to the guard",
                    part.name
                ));
                continue;
            }
            let scopes = parts
                .iter()
                .filter(|other| other.level != Level::Deny && part.yields_to(other));
            let scopes = scopes.map(Part::exception);
            let waivers = waivers.iter().map(Exception::shared);
            let exceptions = scopes.chain(waivers);
            let exceptions: Vec<Exception> = exceptions
                .filter(|exception| exception.reach.is_possible())
                .filter(|exception| !exception.reach.is_apart_from(&part.reach))
                .collect();
            let excepted = self.excepted(exceptions, arguments);
            // A scope that only says again what holds around it needs no statement of its own.
            let is_said = broadest.as_ref().is_some_and(|excepted| {
                excepted
                    .iter()
                    .all(|reach| reach.is_apart_from(&part.reach))
            });
            if is_said {
                continue;
            }
            if part.reach.is_everywhere() {
                broadest = Some(excepted.clone());
            }
            self.deny_privileged(part, &excepted, arguments);
        }
    }

    /// Where exceptions hold, as far as IAM can say it.
    fn excepted(&mut self, exceptions: Vec<Exception>, arguments: &ScpArguments) -> Vec<Reach> {
        let mut excepted: Vec<Reach> = Vec::new();
        for Exception {
            name,
            reach,
            is_exact,
        } in exceptions
        {
            if arguments.strict && !is_exact {
                self.differ(format!(
                    "{name} is narrower than IAM can say, and `--strict` leaves it out: what it allows is refused"
                ));
            } else if !reach.is_everywhere() {
                if !is_exact {
                    self.differ(format!(
                        "{name} is narrower than IAM can say: all of {} is excepted, and the guard judges it",
                        of(&reach)
                    ));
                }
                if !excepted.contains(&reach) {
                    excepted.push(reach);
                }
            } else if arguments.except_principal.is_empty() {
                if !self.unheard.contains(&name) {
                    self.unheard.push(name);
                }
            } else {
                self.differ(format!(
                    "{name} names nothing that IAM can tell: what it allows is refused, unless an excepted principal registers it"
                ));
            }
        }
        excepted
    }

    fn differ(&mut self, difference: String) {
        if !self.differences.contains(&difference) {
            self.differences.push(difference);
        }
    }

    fn deny_privileged(&mut self, part: &Part, excepted: &[Reach], arguments: &ScpArguments) {
        let Reach {
            account,
            region,
            family,
        } = &part.reach;
        if family.is_some() && !excepted.is_empty() {
            // A statement names resources or leaves some out, not both.
            self.differences.push(format!(
                "{} denies `{PRIVILEGED}` for a family and has exceptions within: left to the guard",
                part.name
            ));
            return;
        }
        let arns = |reach: &Reach| arns(&arguments.partition, reach);
        let resources = if !excepted.is_empty() {
            Resources::NotResource(Values(excepted.iter().flat_map(arns).collect()))
        } else if family.is_some() {
            Resources::Resource(Values(arns(&Reach {
                family: family.clone(),
                ..Reach::default()
            })))
        } else {
            everything()
        };
        let number = self.statements.len();
        let sid = match number {
            0 => "DenyPrivilegedContainers".to_owned(),
            _ => format!("DenyPrivilegedContainers{}", number + 1),
        };
        let is = |value: &str| vec![value.to_owned()];
        let mut conditions = vec![("StringEquals", "ecs:privileged", is("true"))];
        if let Some(account) = account {
            conditions.push(("StringLike", "aws:PrincipalAccount", is(account)));
        }
        if let Some(region) = region {
            conditions.push(("StringLike", "aws:RequestedRegion", is(region)));
        }
        let but = if excepted.is_empty() {
            String::new()
        } else {
            let excepted: Vec<String> = excepted.iter().map(of).collect();
            format!(", but for {}", excepted.join("; "))
        };
        let place = if part.reach.is_everywhere() {
            "everywhere".to_owned()
        } else {
            format!("in {}", of(&part.reach))
        };
        let effect = format!("a container with `privileged: true`, {place}{but}");
        self.deny(sid, REGISTER, resources, conditions, effect, arguments);
    }

    fn sizes(&mut self, arguments: &ScpArguments) {
        for (sid, key, most, unit) in [
            (
                "DenyTaskCpuAboveLimit",
                "ecs:task-cpu",
                arguments.max_task_cpu,
                "CPU units",
            ),
            (
                "DenyTaskMemoryAboveLimit",
                "ecs:task-memory",
                arguments.max_task_memory,
                "MiB of memory",
            ),
        ] {
            let Some(most) = most else { continue };
            let conditions = vec![("NumericGreaterThan", key, vec![most.to_string()])];
            let effect =
                format!("a task with more than {most} {unit}, where the task's own amount is said");
            self.deny(
                sid.to_owned(),
                SIZE,
                everything(),
                conditions,
                effect,
                arguments,
            );
        }
    }

    fn compatibilities(&mut self, arguments: &ScpArguments) {
        let names: Vec<String> = arguments
            .require_compatibility
            .iter()
            .map(|name| name.to_ascii_uppercase())
            .collect();
        if names.is_empty() {
            return;
        }
        let shown = names.join("`, `");
        let key = "ecs:compute-compatibility";
        self.deny(
            "DenyOtherCompatibilities".to_owned(),
            COMPATIBILITY,
            everything(),
            vec![("ForAnyValue:StringNotEquals", key, names)],
            format!("`requiresCompatibilities` with anything but `{shown}`"),
            arguments,
        );
        // No value is not any value: without this one a definition that names none would pass.
        self.deny(
            "DenyMissingCompatibilities".to_owned(),
            COMPATIBILITY,
            everything(),
            vec![("Null", key, vec!["true".to_owned()])],
            "no `requiresCompatibilities`".to_owned(),
            arguments,
        );
    }

    fn deny(
        &mut self,
        sid: String,
        action: &'static [&'static str],
        resources: Resources,
        conditions: Vec<(&'static str, &'static str, Vec<String>)>,
        effect: String,
        arguments: &ScpArguments,
    ) {
        let mut condition: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (operator, key, values) in conditions {
            condition
                .entry(operator)
                .or_default()
                .insert(key, Values(values));
        }
        if !arguments.except_principal.is_empty() {
            let principals = arguments.except_principal.clone();
            let of_principals = condition.entry("ArnNotLike").or_default();
            of_principals.insert("aws:PrincipalArn", Values(principals));
        }
        self.effects.push(effect);
        self.statements.push(Statement {
            sid,
            effect: Effect::Deny,
            action,
            resources,
            condition,
        });
    }
}

impl Part {
    fn exception(&self) -> Exception {
        Exception {
            name: self.name.clone(),
            reach: self.reach.clone(),
            is_exact: self.is_exact,
        }
    }
}

impl Exception {
    fn shared(&self) -> Self {
        Self {
            name: self.name.clone(),
            reach: self.reach.clone(),
            is_exact: self.is_exact,
        }
    }
}

fn everything() -> Resources {
    Resources::Resource(Values(vec!["*".to_owned()]))
}

/// The definitions of a reach. The revision is what ECS is about to give.
fn arns(partition: &str, reach: &Reach) -> Vec<String> {
    fn any(glob: Option<&String>) -> &str {
        glob.map_or("*", String::as_str)
    }
    let (region, account) = (any(reach.region.as_ref()), any(reach.account.as_ref()));
    let family = any(reach.family.as_ref());
    ["task-definition", "daemon-task-definition"]
        .map(|kind| format!("arn:{partition}:ecs:{region}:{account}:{kind}/{family}:*"))
        .into()
}

/// A reach for people.
fn of(reach: &Reach) -> String {
    let members = [
        ("family", &reach.family),
        ("account", &reach.account),
        ("region", &reach.region),
    ];
    let members = members.into_iter();
    let named = members.filter_map(|(name, glob)| Some((name, glob.as_deref()?)));
    let named: Vec<String> = named
        .map(|(name, glob)| format!("{name} {}", quoted(glob)))
        .collect();
    named.join(", ")
}
