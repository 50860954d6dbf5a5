//! What holds for any definition and any profile.

use super::*;

proptest! {
    #[test]
    fn the_order_of_containers_does_not_matter(definition_json in any_definition(), policy in any_profile()) {
        let mut turned = definition_json.clone();
        turned["containerDefinitions"].as_array_mut().unwrap().reverse();
        let (a, b) = (decide(&definition(&definition_json), &policy), decide(&definition(&turned), &policy));
        prop_assert_eq!(a.verdict, b.verdict);
        prop_assert_eq!(what(&a), what(&b));
    }

    #[test]
    fn members_that_no_rule_reads_do_not_matter(definition_json in any_definition(), policy in any_profile()) {
        let mut more = definition_json.clone();
        more["inferenceAccelerators"] = json!([{"deviceName": "x"}]);
        more["containerDefinitions"][0]["dependsOn"] = json!([{"containerName": "x", "condition": "START"}]);
        prop_assert_eq!(
            decide(&definition(&definition_json), &policy),
            decide(&definition(&more), &policy)
        );
    }

    #[test]
    fn adding_a_weakness_never_makes_a_decision_milder(
        definition_json in any_definition(),
        policy in any_profile(),
        weakness in 0..6,
    ) {
        let mut weaker = definition_json.clone();
        match weakness {
            0 => weaker["containerDefinitions"][0]["privileged"] = json!(true),
            1 => weaker["pidMode"] = json!("host"),
            2 => weaker["ipcMode"] = json!("host"),
            3 => weaker["networkMode"] = json!("host"),
            4 => weaker["containerDefinitions"][0]["linuxParameters"] = json!({"capabilities": {"add": ["SYS_ADMIN"]}}),
            _ => weaker["containerDefinitions"].as_array_mut().unwrap().push(json!({"name": "d", "image": "i"})),
        }
        prop_assert!(
            decide(&definition(&weaker), &policy).verdict >= decide(&definition(&definition_json), &policy).verdict
        );
    }

    #[test]
    fn a_stricter_profile_never_decides_milder(definition_json in any_definition()) {
        let verdict = |profile| decide(&definition(&definition_json), &Policy::of_profile(profile)).verdict;
        prop_assert!(verdict(Profile::Default) <= verdict(Profile::Baseline));
        prop_assert!(verdict(Profile::Baseline) <= verdict(Profile::Restricted));
    }

    #[test]
    fn only_a_failure_at_level_deny_leads_to_an_action(definition_json in any_definition(), policy in any_profile()) {
        let facts = definition(&definition_json);
        let decision = decide(&facts, &policy);
        let denied = decision.findings.iter().any(|f| f.level == Level::Deny && f.outcome == Outcome::Fail);
        for mode in [Mode::Audit, Mode::Enforce] {
            let plan = plan(&decision, &facts, mode, Some(&home()));
            prop_assert_eq!(!plan.steps.is_empty(), denied);
            prop_assert_eq!(plan.mode, mode);
        }
    }

    #[test]
    fn the_same_facts_give_the_same_plan_and_key(definition_json in any_definition(), policy in any_profile()) {
        let facts = definition(&definition_json);
        let once = plan(&decide(&facts, &policy), &facts, Mode::Enforce, None);
        prop_assert_eq!(&once, &plan(&decide(&facts, &policy), &facts, Mode::Enforce, None));
        for step in once.steps {
            prop_assert_eq!(step.idempotency_key, format!("deregister-task-definition:{ARN}"));
        }
    }

    #[test]
    fn no_text_in_a_definition_can_forge_a_line(name in "[\\s\\S]{0,300}", user in "[\\s\\S]{0,300}") {
        let json = json!({"networkMode": user, "containerDefinitions": [{"name": name, "user": user,
            "linuxParameters": {"capabilities": {"add": [name]}, "devices": [{"hostPath": user}]},
            "dockerSecurityOptions": [format!("label:disable{user}"), name],
            "systemControls": [{"namespace": user}], "privileged": true,
            "mountPoints": [{"sourceVolume": name}]}],
            "volumes": [{"name": name, "host": {"sourcePath": format!("/etc/{user}")}}]});
        for finding in decide(&definition(&json), &Policy::of_profile(Profile::Restricted)).findings {
            prop_assert!(finding.message.chars().all(crate::names::is_inert), "{:?}", finding.message);
            prop_assert!(finding.message.len() < 5000);
        }
    }

    #[test]
    fn a_scan_is_clean_only_when_it_is_complete_and_counts_nothing_bad(
        state in prop::sample::select(vec!["COMPLETE", "ACTIVE", "FAILED", "PENDING", "IN_PROGRESS", "UNSUPPORTED_IMAGE",
            "SCAN_ELIGIBILITY_EXPIRED", "FINDINGS_UNAVAILABLE", "LIMIT_EXCEEDED", "IMAGE_ARCHIVED", "IMAGE_SIZE_EXCEEDED", "NEW"]),
        counts in prop::collection::btree_map(
            prop::sample::select(vec!["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED", "UNTRIAGED", "SEVERE"]),
            0_u64..3, 0..8),
    ) {
        let counted = |names: &[&str]| counts.iter().any(|(name, count)| names.contains(name) && *count > 0);
        let bad = counted(&["CRITICAL", "HIGH"]);
        let unranked = counted(&["UNDEFINED", "UNTRIAGED", "SEVERE"]);
        let conclusive = matches!(state, "COMPLETE" | "ACTIVE");
        let by_severity = counts.iter().map(|(name, count)| (ScanSeverity::parse(name), *count)).collect();
        let facts = alone(image(ScanState::parse(state), by_severity));
        let decision = decide(&facts, &Policy::default());
        prop_assert_eq!(decision.verdict, match (bad, conclusive && !unranked) {
            (true, _) => Verdict::Deny,
            (false, true) => Verdict::Allow,
            (false, false) => Verdict::Warn,
        });
        let plan = plan(&decision, &facts, Mode::Enforce, Some(&home()));
        prop_assert_eq!(!plan.steps.is_empty(), bad && state != "IMAGE_ARCHIVED");
    }
}
