//! What an alert says of an image's use stays inert and small, however much runs it.

use tidewaiter_rules::{
    Subject,
    facts::{
        Family, Run, Surroundings, Usage,
        family::{Index, Sibling},
    },
    names::Digest,
};

use super::*;

fn digest(number: usize) -> Digest {
    Digest::parse(&format!("sha256:{number:064x}")).unwrap()
}

/// As much of everything as there can be, with `text` wherever a name comes from outside.
fn crowded(text: &str, count: usize) -> Surroundings {
    let run = |number| Run {
        cluster: text.to_owned(),
        service: Some(text.to_owned()),
        task_definition: text.to_owned(),
        digest: digest(number),
        // Of some nothing runs now.
        tasks: if number % 2 == 0 { u64::MAX } else { 0 },
        task_arns: Vec::new(),
        owners: vec![text.to_owned(); 50],
    };
    let sibling = |number: usize| Sibling {
        digest: digest(number),
        platform: text.to_owned(),
        tags: Vec::new(),
        is_archived: false,
        // Half of them are acted on, and half are left.
        shared_with: number.is_multiple_of(2).then(|| digest(1)),
    };
    let index = |number| Index {
        digest: digest(number),
        tags: vec![text.to_owned()],
        children: Vec::new(),
    };
    Surroundings {
        family: Family {
            tags: Vec::new(),
            is_archived: false,
            indexes: (1000..1000 + count).map(index).collect(),
            siblings: (2000..2000 + count).map(sibling).collect(),
        }
        .into(),
        usage: Some(Usage {
            runs: (0..count).map(run).collect(),
            unknown: Some(text.to_owned()),
        }),
        services: Vec::new(),
        builds: Vec::new(),
        replacement: Some(text.to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn however_much_runs_an_image_the_message_is_inert_and_within_limits(
        text in "[\\s\\S]{0,80}", repeat in 1usize..40, count in 0usize..200, in_use in prop::sample::select(vec!["alert", "quarantine"]),
    ) {
        let text = text.repeat(repeat);
        let event = event(&json!({
            "detail-type": "ECR Image Scan", "source": "aws.ecr", "account": "111122223333", "region": "eu-west-1",
            "resources": [], "detail": {"scan-status": "COMPLETE", "repository-name": "app", "image-tags": [text],
                "image-digest": digest(5).as_str(), "finding-severity-counts": {"CRITICAL": 1}}}));
        let mut facts = event.facts().unwrap();
        let Subject::Image(image) = &mut facts.subject else { panic!("made as an image") };
        image.surroundings = crowded(&text, count);
        let policy = format!("version: 1\nin-use: {in_use}\n");
        let policy = Policy::from_yaml(&policy, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
        let decision = decide(&facts, &policy);
        let plan = plan(&decision, &facts, Mode::Enforce, Some(&home()));
        let failed = Effect::Failed { error: text.clone(), will_retry: false };
        let effects = vec![failed; plan.steps.len()];
        let alert = Alert::of_decision(&event, &facts, &decision, &plan, &effects, &home()).unwrap();
        is_within_limits(&alert.message())?;
    }
}
