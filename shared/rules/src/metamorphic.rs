//! How the decision about one definition bears on the decision about another.

pub(crate) mod definitions;
mod weaknesses;

use proptest::prelude::*;
use serde_json::{Value, json};

use self::definitions::{Choices, any_definition, each_object, is_free};
use crate::{
    Decision, Facts, Finding, Level, Policy, Subject, decide, facts::TaskDefinition, names::Place,
    policy::Profile,
};

fn facts_of(text: &str) -> Facts {
    let definition: TaskDefinition = serde_json::from_str(text).unwrap();
    Facts {
        place: Some(Place::of_region("eu-west-1", "111122223333").unwrap()),
        observed_at: Some("2026-11-23T12:00:00Z".parse().unwrap()),
        subject: Subject::TaskDefinition(Box::new(definition)),
    }
}

fn decision(definition: &Value, policy: &Policy) -> Decision {
    decide(&facts_of(&definition.to_string()), policy)
}

fn policy(more: &str) -> Policy {
    let today = "2026-11-23T12:00:00Z".parse().unwrap();
    Policy::from_yaml(&format!("version: 1\n{more}"), today).unwrap()
}

fn any_profile() -> impl Strategy<Value = Policy> {
    prop::sample::select(vec![
        Profile::Default,
        Profile::Baseline,
        Profile::Restricted,
    ])
    .prop_map(Policy::of_profile)
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..24)
}

/// `list` in an order that is drawn.
fn shuffled<T>(mut list: Vec<T>, choices: &mut Choices<'_>) -> Vec<T> {
    for end in (1..list.len()).rev() {
        list.swap(end, choices.below(end + 1));
    }
    list
}

/// The findings with the containers of their pointers renumbered, in an order of their own. Rules
/// about volumes name the first container that mounts one, so that their words are not compared.
fn renumbered(decision: &Decision, new: &[usize]) -> Vec<Finding> {
    const PREFIX: &str = "/containerDefinitions/";
    let findings = decision.findings.iter().map(|finding| {
        let mut finding = finding.clone();
        if let Some(rest) = finding.pointer.strip_prefix(PREFIX) {
            let (index, path) = rest.split_once('/').unwrap();
            let index: usize = index.parse().unwrap();
            finding.pointer = format!("{PREFIX}{}/{path}", new[index]);
        }
        if finding.pointer.starts_with("/volumes/") {
            finding.message.clear();
        }
        finding
    });
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by(|a, b| (a.rule, &a.pointer).cmp(&(b.rule, &b.pointer)));
    findings
}

/// The JSON text with the members of every object in an order that is drawn.
fn disordered(value: &Value, choices: &mut Choices<'_>) -> String {
    match value {
        Value::Object(members) => {
            let members = shuffled(members.iter().collect(), choices);
            let members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| format!("{}:{}", json!(key), disordered(value, choices)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(|v| disordered(v, choices)).collect();
            format!("[{}]", list.join(","))
        }
        scalar => scalar.to_string(),
    }
}

/// The definition as `describe-task-definition` answers it: registered, and with the empty members
/// and the defaults that ECS fills in.
fn described(definition: &Value) -> Value {
    let mut answer = definition.clone();
    let kinds = match &definition["requiresCompatibilities"] {
        Value::Null => json!(["EC2"]),
        kinds => kinds.clone(),
    };
    answer["taskDefinitionArn"] =
        json!("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:12");
    answer["revision"] = json!(12);
    answer["status"] = json!("ACTIVE");
    answer["compatibilities"] = kinds;
    answer["requiresAttributes"] = json!([{"name": "ecs.capability.task-eni"}]);
    answer["registeredAt"] = json!("2026-11-23T12:00:00.123000+00:00");
    answer["registeredBy"] = json!("arn:aws:iam::111122223333:user/someone");
    for member in ["volumes", "placementConstraints"] {
        default(&mut answer, member, json!([]));
    }
    for container in answer["containerDefinitions"].as_array_mut().unwrap() {
        default(container, "cpu", json!(0));
        default(container, "essential", json!(true));
        for member in [
            "environment",
            "mountPoints",
            "portMappings",
            "systemControls",
            "volumesFrom",
        ] {
            default(container, member, json!([]));
        }
    }
    answer
}

fn default(object: &mut Value, member: &str, value: Value) {
    let members = object.as_object_mut().unwrap();
    members.entry(member).or_insert(value);
}

/// Whether a decision has a finding of the rule at the place, or at one in it or around it: where a
/// value is missing, the pointer goes as deep as the definition does.
fn speaks_of(decision: &Decision, rule: &str, pointer: &str) -> bool {
    let is_within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    decision.findings.iter().any(|finding| {
        let other = finding.pointer.as_str();
        finding.rule == rule && (is_within(other, pointer) || is_within(pointer, other))
    })
}

#[test]
fn a_waiver_for_an_image_is_not_for_another_container_of_the_same_name() {
    let text = "waivers:\n- {id: w, rules: [privileged-container], target: {image: 'good:*'}, reason: r, owner: o, expires: 2026-12-31}";
    let of = |images: [&str; 2]| {
        let containers =
            images.map(|image| json!({"name": "app", "image": image, "privileged": true}));
        let decision = decision(&json!({"containerDefinitions": containers}), &policy(text));
        decision.waived.len()
    };
    assert_eq!(of(["good:1", "bad:1"]), 0);
    assert_eq!(of(["bad:1", "good:1"]), 0);
    assert_eq!(of(["good:1", "good:1"]), 2);
}

proptest! {
    #[test]
    fn the_order_of_containers_changes_nothing_but_their_numbers(
        definition in any_definition(),
        policy in any_profile(),
        order in choices(),
    ) {
        let containers = definition["containerDefinitions"].as_array().unwrap();
        let order = shuffled((0..containers.len()).collect(), &mut Choices::new(&order));
        let mut turned = definition.clone();
        turned["containerDefinitions"] = order.iter().map(|old| containers[*old].clone()).collect();
        // Where each of the old ones is now.
        let new: Vec<usize> = (0..order.len())
            .map(|old| order.iter().position(|o| *o == old).unwrap())
            .collect();
        let same: Vec<usize> = (0..order.len()).collect();
        let (before, after) = (decision(&definition, &policy), decision(&turned, &policy));
        prop_assert_eq!(before.verdict, after.verdict);
        prop_assert_eq!(renumbered(&before, &new), renumbered(&after, &same));
    }

    #[test]
    fn the_order_of_members_changes_nothing(
        definition in any_definition(),
        policy in any_profile(),
        order in choices(),
    ) {
        let text = disordered(&definition, &mut Choices::new(&order));
        prop_assert_eq!(decide(&facts_of(&text), &policy), decision(&definition, &policy));
    }

    #[test]
    fn members_that_nobody_knows_and_nulls_change_nothing(
        definition in any_definition(),
        policy in any_profile(),
    ) {
        let more = each_object(&definition, "", &mut |holder, mut members| {
            if !is_free(holder) {
                members.insert("aNewMember".to_owned(), json!({"privileged": [true, {"user": "0"}]}));
                for absent in ["pidMode", "privileged", "options", "drop", "hostPort", "iam", "readOnly"] {
                    members.entry(absent).or_insert(Value::Null);
                }
            }
            Value::Object(members)
        });
        prop_assert_eq!(decision(&more, &policy), decision(&definition, &policy));
    }

    #[test]
    fn a_definition_is_judged_alike_before_and_after_it_is_registered(
        definition in any_definition(),
        policy in any_profile(),
    ) {
        prop_assert_eq!(decision(&described(&definition), &policy), decision(&definition, &policy));
    }

    #[test]
    fn a_stricter_profile_is_stricter_about_every_finding(definition in any_definition()) {
        let of = |profile| decision(&definition, &Policy::of_profile(profile));
        for pair in [[Profile::Default, Profile::Baseline], [Profile::Baseline, Profile::Restricted]] {
            let [milder, stricter] = pair.map(of);
            prop_assert!(milder.verdict <= stricter.verdict);
            for finding in &milder.findings {
                let same = stricter.findings.iter().find(|other| Finding { level: finding.level, ..(*other).clone() } == *finding);
                prop_assert!(same.is_some_and(|same| same.level >= finding.level), "{finding:?}");
            }
        }
    }

    #[test]
    fn a_stricter_level_is_never_milder(
        definition in any_definition(),
        rule in prop::sample::select(crate::catalogue::RULES.to_vec()),
        levels in (0..3_usize, 0..3_usize),
    ) {
        let of = |level| decision(&definition, &policy(&format!("rules: {{{}: {level}}}", rule.id)));
        let names = ["off", "warn", "deny"];
        let (low, high) = (levels.0.min(levels.1), levels.0.max(levels.1));
        prop_assert!(of(names[low]).verdict <= of(names[high]).verdict);
    }

    #[test]
    fn what_is_denied_where_the_unknown_is_denied_too_is_no_milder(definition in any_definition()) {
        let of = |unknown: &str| decision(&definition, &policy(&format!("profile: restricted\nunknown: {unknown}")));
        let (warned, denied) = (of("warn"), of("deny"));
        prop_assert!(warned.verdict <= denied.verdict);
        prop_assert_eq!(warned.findings, denied.findings);
    }

    #[test]
    fn adding_a_weakness_takes_nothing_back(
        definition in any_definition(),
        policy in any_profile(),
        weakness in prop::sample::select(weaknesses::WEAKNESSES),
        at in choices(),
    ) {
        let mut weaker = definition.clone();
        weakness.add(&mut weaker, &mut Choices::new(&at));
        let (before, after) = (decision(&definition, &policy), decision(&weaker, &policy));
        prop_assert!(before.verdict <= after.verdict, "{} on {definition:#}", weakness.rule);
        for Finding { rule, pointer, .. } in &before.findings {
            let is_there = weakness.replaces.contains(rule) || speaks_of(&after, rule, pointer);
            prop_assert!(is_there, "{} hides {rule} at {pointer} of {definition:#}", weakness.rule);
        }
    }

    #[test]
    fn a_waiver_takes_out_what_it_names_and_nothing_else(
        definition in any_definition(),
        rule in prop::sample::select(crate::catalogue::RULES.to_vec()),
        container in prop::sample::select(vec!["app", "log", "proxy", "a*", "?og", "*"]),
        family in prop::sample::select(vec!["web", "w*", "api", "*"]),
    ) {
        let text = format!("profile: restricted\nwaivers:\n- {{id: w, rules: [{}], target: {{family: '{family}', container: '{container}'}}, reason: r, owner: o, expires: 2026-12-31}}", rule.id);
        let covered = |finding: &Finding| finding.rule == rule.id && family != "api"
            && finding.container.as_deref().is_some_and(|name| crate::policy::matches(container, name));
        let (with, without) = (decision(&definition, &policy(&text)), decision(&definition, &policy("profile: restricted")));
        let (taken_out, left): (Vec<Finding>, Vec<Finding>) = without.findings.into_iter().partition(covered);
        prop_assert_eq!(with.findings, left);
        prop_assert_eq!(with.waived.len(), taken_out.len());
        prop_assert!(with.verdict <= without.verdict);
    }

    #[test]
    fn an_expired_waiver_changes_nothing(
        definition in any_definition(),
        rule in prop::sample::select(crate::catalogue::RULES.to_vec()),
        level in prop::sample::select(vec![Level::Warn, Level::Deny]),
    ) {
        let rules = format!("rules: {{{}: {}}}", rule.id, level.name());
        let text = format!("{rules}\nwaivers:\n- {{id: w, rules: [{}], target: {{family: '*'}}, reason: r, owner: o, expires: 2026-11-22}}", rule.id);
        prop_assert_eq!(decision(&definition, &policy(&text)), decision(&definition, &policy(&rules)));
    }

    #[test]
    fn the_order_of_waivers_changes_nothing(
        definition in any_definition(),
        drawn in prop::collection::vec((0..crate::catalogue::RULES.len(), 0..4_usize, 1..4_u8), 2..6),
        order in choices(),
    ) {
        let waivers: Vec<String> = drawn.iter().enumerate().map(|(index, (rule, target, month))| {
            let target = ["family: web", "container: app", "container: '*'", "account: '111122223333'"][*target];
            let rule = crate::catalogue::RULES[*rule].id;
            format!("- {{id: w{index}, rules: [{rule}, root-user], target: {{{target}}}, reason: r, owner: o, expires: 2027-0{month}-01}}")
        }).collect();
        let turned = shuffled(waivers.clone(), &mut Choices::new(&order));
        let of = |waivers: &[String]| decision(&definition, &policy(&format!("profile: restricted\nwaivers:\n{}", waivers.join("\n"))));
        prop_assert_eq!(of(&waivers), of(&turned));
    }
}
