//! Secrets in Dockerfiles, and in runs and Express services.

use serde_json::{Value, json};

use super::{
    assert_silent, numbered,
    planted::{FORMED, Planted, SHOWN, Shape, put},
};
use crate::events;

/// Where in a Dockerfile a secret can stand, and which shapes can be told from other text there.
const LINES: &[(&str, &[Shape])] = &[
    ("FROM {}", FORMED),
    ("FROM user:{}@registry.example/base:1", SHOWN),
    ("FROM alpine:3 AS {}", FORMED),
    ("FROM alpine:{}", FORMED),
    ("FROM alpine:3\nENV API_TOKEN={}", SHOWN),
    ("FROM alpine:3\nENV API_TOKEN {}", SHOWN),
    ("FROM alpine:3\nENV {}=1", FORMED),
    ("FROM alpine:3\nARG DB_PASSWORD={}", SHOWN),
    ("ARG BASE={}\nFROM $BASE", FORMED),
    ("FROM alpine:3\nARG X={}\nENV Y=$X", SHOWN),
    ("FROM alpine:3\nLABEL token={}", SHOWN),
    ("FROM alpine:3\nUSER {}", FORMED),
    ("FROM alpine:3\nARG U={}\nUSER $U", FORMED),
    ("FROM alpine:3\nEXPOSE {}", FORMED),
    ("FROM alpine:3\nWORKDIR /{}", FORMED),
    ("FROM alpine:3\nCOPY {}.pem /k", FORMED),
    ("FROM alpine:3\nADD https://user:{}@example.com/a /a", SHOWN),
    (
        "FROM alpine:3\nADD https://example.com/a?token={} /a",
        SHOWN,
    ),
    (
        "FROM alpine:3\nRUN curl -k -H 'Authorization: Bearer {}' https://example.com | sh",
        SHOWN,
    ),
    (
        "FROM alpine:3\nRUN curl https://user:{}@example.com | sudo bash",
        SHOWN,
    ),
    ("FROM alpine:3\nRUN echo 'root:{}' | chpasswd", SHOWN),
    ("FROM alpine:3\nRUN TOKEN={} make", SHOWN),
    (
        "FROM alpine:3\nRUN <<E\nexport TOKEN={}\ncurl -k https://example.com\nE",
        SHOWN,
    ),
    (
        "FROM alpine:3\nRUN [\"sh\", \"-c\", \"curl {} | sh\"]",
        FORMED,
    ),
    (
        "FROM alpine:3\nHEALTHCHECK CMD curl -k https://:{}@localhost",
        SHOWN,
    ),
    ("FROM alpine:3\nCMD [\"run\", \"--password={}\"]", SHOWN),
    ("FROM alpine:3\nONBUILD ENV TOKEN={}", SHOWN),
    ("FROM alpine:3\n{} x", FORMED),
    ("FROM alpine:3\nENV \"{}", FORMED),
];

#[test]
fn no_secret_of_a_dockerfile_is_printed() {
    let mut planted = Planted::new();
    let mut files = Vec::new();
    for (text, shapes) in LINES {
        for shape in *shapes {
            let text = text.replace("{}", &planted.plant(*shape, text));
            files.push((format!("{}.Dockerfile", files.len()), text.into_bytes()));
        }
    }
    let command = ["check", "--profile", "restricted"];
    let formats = ["text", "json", "sarif", "junit"];
    assert_silent(&planted, &command, &files, &formats);
}

fn sample(name: &str) -> Value {
    let path = events().join(format!("task-definition-guard/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn no_secret_of_a_run_or_an_express_service_is_printed() {
    let mut planted = Planted::new();
    let mut texts = Vec::new();
    let run = "/detail/requestParameters/overrides";
    let express = "/detail/requestParameters/primaryContainer";
    for (name, pointer, shapes) in [
        ("run-overrides", format!("{run}/taskRoleArn"), FORMED),
        ("run-overrides", format!("{run}/executionRoleArn"), FORMED),
        (
            "run-overrides",
            format!("{run}/containerOverrides/0/name"),
            FORMED,
        ),
        (
            "run-overrides",
            format!("{run}/containerOverrides/0/command/0"),
            SHOWN,
        ),
        (
            "run-overrides",
            format!("{run}/containerOverrides/0/command"),
            SHOWN,
        ),
        ("run-overrides", format!("{run}/containerOverrides"), SHOWN),
        ("run-overrides", run.to_owned(), SHOWN),
        (
            "run-overrides",
            "/detail/requestParameters/cluster".to_owned(),
            FORMED,
        ),
        (
            "run-overrides",
            "/detail/requestParameters/taskDefinition".to_owned(),
            FORMED,
        ),
        (
            "run-overrides",
            "/detail/responseElements/tasks/0/taskArn".to_owned(),
            SHOWN,
        ),
        ("express-create", format!("{express}/image"), FORMED),
        ("express-create", format!("{express}/command/0"), SHOWN),
        ("express-create", express.to_owned(), SHOWN),
        (
            "express-create",
            "/detail/requestParameters/serviceName".to_owned(),
            FORMED,
        ),
    ] {
        for shape in shapes {
            let mut event = sample(name);
            put(&mut event, &pointer, json!(planted.plant(*shape, &pointer)));
            texts.push(event.to_string());
        }
    }
    for name in ["TOKEN", "LOG_LEVEL", "DATABASE_URL"] {
        for shape in SHOWN {
            let mut event = sample("run-overrides");
            let variables = json!([{"name": name, "value": planted.plant(*shape, name)}]);
            put(
                &mut event,
                &format!("{run}/containerOverrides/0/environment"),
                variables.clone(),
            );
            texts.push(event.to_string());
            let mut event = sample("express-create");
            put(&mut event, &format!("{express}/environment"), variables);
            texts.push(event.to_string());
        }
    }
    let command = ["replay", "--mode", "enforce"];
    assert_silent(&planted, &command, &numbered(texts), &["text", "json"]);
}
