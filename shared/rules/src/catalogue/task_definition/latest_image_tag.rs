use super::super::{Answer, Applies, Check, Context, References, Rule, each::images};
use crate::{Severity, facts::TaskDefinition};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "latest-image-tag",
    summary: "an image is named by `latest`, or by no tag at all",
    severity: Severity::Medium,
    applies: Applies::EVERY_FORM,
    help: "name a version that is pushed once, such as the commit, or better the digest: `app:1.4@sha256:…`",
    references: References {
        guidance: "deploy images by tags that do not move",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &[],
        pod_security: None,
    },
    check: Check::TaskDefinition(check),
};

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    images(definition, "the tag", |container, image| {
        let message = match (image.digest, image.tag) {
            (None, Some("latest")) => "runs whatever `latest` is when a task starts",
            (None, None) => "names no tag, and so runs whatever `latest` is when a task starts",
            _ => return None,
        };
        Some(container.fails("image", message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::tests::judge, decide::Outcome};

    #[test]
    fn a_port_is_no_tag_and_a_digest_makes_any_tag_good() {
        let digest = format!("@sha256:{}", "0a".repeat(32));
        for (image, outcome) in [
            ("app".to_owned(), Some(Outcome::Fail)),
            ("app:latest".to_owned(), Some(Outcome::Fail)),
            ("registry:5000/app".to_owned(), Some(Outcome::Fail)),
            ("registry:5000/app:latest".to_owned(), Some(Outcome::Fail)),
            ("app:1.4".to_owned(), None),
            ("app:init-latest".to_owned(), None),
            ("registry:5000/app:1".to_owned(), None),
            (format!("app{digest}"), None),
            (format!("app:latest{digest}"), None),
            ("{{ image }}".to_owned(), Some(Outcome::Unknown)),
            (String::new(), Some(Outcome::Unknown)),
        ] {
            let json = serde_json::json!({"containerDefinitions": [{"name": "a", "image": image}]});
            let answers = judge(&RULE, &json.to_string());
            assert_eq!(answers.first().map(|a| a.outcome), outcome, "{image}");
        }
        assert_eq!(judge(&RULE, r#"{"containerDefinitions":[{}]}"#), []);
    }
}
