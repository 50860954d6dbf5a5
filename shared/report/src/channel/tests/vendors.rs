//! The vendors' published limits and forms, and what their markup is.

use super::{super::cut::units, *};

fn is_shown(text: &Value, most: usize) -> Result<(), TestCaseError> {
    let text = text.as_str().unwrap();
    prop_assert!(
        (1..=most).contains(&units(text)),
        "{} of {most}: {text}",
        units(text)
    );
    Ok(())
}

fn is_link(url: &Value) -> Result<(), TestCaseError> {
    let url = url.as_str().unwrap();
    let is_ours = url.starts_with("https://git.example.com/docs/rules/")
        || url.contains(".console.aws.amazon.com/");
    prop_assert!(is_ours && url.starts_with("https://"), "{url}");
    prop_assert!(!url.contains(['<', '>', '"', '|', ' ', '`']), "{url}");
    Ok(())
}

/// Slack escapes three characters; without them raw there is no mention, link or entity.
fn is_escaped(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!text.contains(['<', '>']), "{text}");
    for rest in text.split('&').skip(1) {
        let is_entity = ["amp;", "lt;", "gt;"]
            .iter()
            .any(|entity| rest.starts_with(entity));
        prop_assert!(is_entity, "{text}");
    }
    Ok(())
}

fn is_slack_text(text: &Value, most: usize) -> Result<(), TestCaseError> {
    is_shown(&text["text"], most)?;
    let shown = text["text"].as_str().unwrap();
    is_escaped(shown)?;
    if text["type"] == "plain_text" {
        prop_assert_eq!(&text["emoji"], false);
        return Ok(());
    }
    prop_assert_eq!(&text["type"], "mrkdwn");
    prop_assert_eq!(&text["verbatim"], true);
    // A title of ours, and code that ends where we end it.
    let (title, code) = shown.split_once("\n```").unwrap();
    prop_assert!(
        [
            "*Fix*",
            "*Undo*",
            "*Do it by hand*",
            "*Waiver for the policy*"
        ]
        .contains(&title)
    );
    let code = code.strip_suffix("```").unwrap();
    prop_assert!(!code.contains('`'), "{code}");
    Ok(())
}

pub(super) fn slack(message: &Value) -> Result<(), TestCaseError> {
    is_shown(&message["text"], 4000)?;
    is_escaped(message["text"].as_str().unwrap())?;
    prop_assert_eq!(&message["mrkdwn"], false);
    let blocks = message["blocks"].as_array().unwrap();
    prop_assert!((1..=50).contains(&blocks.len()));
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => {
                prop_assert_eq!(&block["text"]["type"], "plain_text");
                is_slack_text(&block["text"], 150)?;
            }
            "section" => {
                if let Some(fields) = block["fields"].as_array() {
                    prop_assert!((1..=10).contains(&fields.len()));
                    for field in fields {
                        is_slack_text(field, 2000)?;
                    }
                } else {
                    is_slack_text(&block["text"], 3000)?;
                }
            }
            "actions" => {
                let elements = block["elements"].as_array().unwrap();
                prop_assert!((1..=25).contains(&elements.len()));
                for button in elements {
                    prop_assert_eq!(&button["type"], "button");
                    // A button without these is a link: nothing is sent to us.
                    prop_assert!(
                        button.get("action_id").is_none() && button.get("value").is_none()
                    );
                    is_slack_text(&button["text"], 75)?;
                    is_shown(&button["url"], 3000)?;
                    is_link(&button["url"])?;
                }
            }
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                prop_assert!((1..=10).contains(&elements.len()));
                for element in elements {
                    is_slack_text(element, 2000)?;
                }
            }
            other => prop_assert!(false, "{other}"),
        }
    }
    Ok(())
}

pub(super) fn teams(message: &Value) -> Result<(), TestCaseError> {
    prop_assert!(message.to_string().len() <= 28 * 1024);
    prop_assert!(message.to_string().len() <= teams::MESSAGE);
    prop_assert_eq!(&message["type"], "message");
    let attachment = &message["attachments"][0];
    prop_assert_eq!(
        &attachment["contentType"],
        "application/vnd.microsoft.card.adaptive"
    );
    let card = &attachment["content"];
    prop_assert_eq!(&card["type"], "AdaptiveCard");
    let body = card["body"].as_array().unwrap();
    prop_assert!(!body.is_empty());
    for block in body {
        // The one element without Markdown.
        prop_assert_eq!(&block["type"], "RichTextBlock");
        for run in block["inlines"].as_array().unwrap() {
            prop_assert_eq!(&run["type"], "TextRun");
            prop_assert!(run.get("selectAction").is_none());
            let text = run["text"].as_str().unwrap();
            prop_assert!(!text.contains('<') && !text.contains("{{"), "{text}");
        }
    }
    let summary = message["summary"].as_str().unwrap();
    prop_assert!(!summary.contains('<') && summary == card["fallbackText"]);
    for action in card["actions"].as_array().unwrap() {
        prop_assert_eq!(&action["type"], "Action.OpenUrl");
        is_link(&action["url"])?;
    }
    Ok(())
}

pub(super) fn pagerduty(event: &Value) -> Result<(), TestCaseError> {
    prop_assert!(event.to_string().len() <= 512 * 1024);
    prop_assert!((1..=255).contains(&event["dedup_key"].as_str().unwrap().len()));
    prop_assert_eq!(&event["routing_key"], "ROUTING_KEY");
    if event["event_action"] == "resolve" {
        return Ok(());
    }
    prop_assert_eq!(&event["event_action"], "trigger");
    let payload = &event["payload"];
    is_shown(&payload["summary"], 1024)?;
    is_shown(&payload["source"], 255)?;
    let severity = payload["severity"].as_str().unwrap();
    prop_assert!(["critical", "error", "warning", "info"].contains(&severity));
    prop_assert!(
        payload["timestamp"]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .is_ok()
    );
    prop_assert!(payload["custom_details"].is_object());
    for link in event["links"].as_array().unwrap() {
        is_link(&link["href"])?;
    }
    Ok(())
}

pub(super) fn amazon_q(message: &Value) -> Result<(), TestCaseError> {
    prop_assert_eq!(
        (&message["version"], &message["source"]),
        (&json!("1.0"), &json!("custom"))
    );
    let content = &message["content"];
    prop_assert_eq!(&content["textType"], "client-markdown");
    is_shown(&content["title"], 250)?;
    is_shown(&content["description"], 8000)?;
    let no_markup = |text: &str| {
        !text.contains(['<', '>', '`', '*', '[', ']', '~', '|']) && !text.contains("://")
    };
    prop_assert!(no_markup(content["title"].as_str().unwrap()));
    prop_assert!(no_markup(message["metadata"]["summary"].as_str().unwrap()));
    let description = content["description"].as_str().unwrap();
    for (index, part) in description.split("```").enumerate() {
        if index % 2 == 1 {
            prop_assert!(!part.contains(['`', '<']), "{part}");
            continue;
        }
        for line in part.lines() {
            // What is bold is a title of ours or a finding's.
            let line = match line.strip_prefix('*') {
                Some(line) => line.replacen('*', "", 1),
                None => line.to_owned(),
            };
            prop_assert!(no_markup(&line), "{line}");
            for mention in ["@here", "@channel", "@everyone"] {
                let is_word = |at: usize| line.get(..at).unwrap().ends_with(char::is_alphanumeric);
                prop_assert!(
                    line.match_indices(mention).all(|(at, _)| is_word(at)),
                    "{line}"
                );
            }
        }
    }
    prop_assert_eq!(description.matches("```").count() % 2, 0);
    for step in content["nextSteps"].as_array().unwrap() {
        is_shown(step, 350)?;
        let (_, url) = step.as_str().unwrap().split_once(": ").unwrap();
        is_link(&json!(url))?;
    }
    for keyword in content["keywords"].as_array().unwrap() {
        prop_assert!(units(keyword.as_str().unwrap()) <= 75);
    }
    let metadata = &message["metadata"];
    prop_assert!((1..=255).contains(&metadata["threadId"].as_str().unwrap().len()));
    prop_assert!(
        metadata["additionalContext"]
            .as_object()
            .unwrap()
            .values()
            .all(Value::is_string)
    );
    Ok(())
}

pub(super) fn asff(findings: &Value) -> Result<(), TestCaseError> {
    let findings = findings.as_array().unwrap();
    prop_assert!(findings.len() <= 100);
    for finding in findings {
        prop_assert!(finding.to_string().len() <= 240 * 1024);
        prop_assert_eq!(&finding["SchemaVersion"], "2018-10-08");
        for (member, most) in [
            ("Id", 512),
            ("ProductArn", 2_048),
            ("GeneratorId", 512),
            ("AwsAccountId", 12),
            ("Title", 256),
            ("Description", 1024),
        ] {
            is_shown(&finding[member], most)?;
        }
        for member in ["CreatedAt", "UpdatedAt"] {
            prop_assert!(
                finding[member]
                    .as_str()
                    .unwrap()
                    .parse::<Timestamp>()
                    .is_ok()
            );
        }
        let labels = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL"];
        let label = finding["FindingProviderFields"]["Severity"]["Label"]
            .as_str()
            .unwrap();
        prop_assert!(labels.contains(&label));
        let state = (&finding["RecordState"], &finding["Workflow"]["Status"]);
        prop_assert!(
            state == (&json!("ACTIVE"), &json!("NEW"))
                || state == (&json!("ARCHIVED"), &json!("RESOLVED"))
        );
        let resources = finding["Resources"].as_array().unwrap();
        prop_assert_eq!(resources.len(), 1);
        is_shown(&resources[0]["Id"], 512)?;
        let fields = finding["ProductFields"].as_object().unwrap();
        prop_assert!(fields.len() <= 50);
        for (name, value) in fields {
            prop_assert!(name.len() <= 128 && value.as_str().unwrap().chars().count() <= 2048);
        }
        let recommendation = &finding["Remediation"]["Recommendation"];
        if !recommendation.is_null() {
            prop_assert!(units(recommendation["Text"].as_str().unwrap()) <= 512);
            if let Some(url) = recommendation.get("Url") {
                is_link(url)?;
            }
        }
    }
    Ok(())
}
