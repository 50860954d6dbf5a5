use proptest::prelude::*;
use tidewaiter_rules::{Policy, Severity};

use super::{
    super::{all_findings, findings_with},
    failures,
};
use crate::dockerfile::read;

const RULE: &str = "dockerfile-secret";

/// Made here, so that no file holds what a scanner of repositories takes for a secret.
fn key_id() -> String {
    format!("AKIA{}", "7Q2Z9R4V1N8W5H3J")
}

#[test]
fn every_place_that_can_hold_a_secret_is_read() {
    let (low, medium) = (vec![Severity::Low], vec![Severity::Medium]);
    let (high, critical) = (vec![Severity::High], vec![Severity::Critical]);
    for (line, expected) in [
        ("ENV DB_PASSWORD=hunter2".to_owned(), &high),
        ("ENV DB_PASSWORD hunter2".to_owned(), &high),
        ("ENV A=b DB_PASSWORD='hunter2'".to_owned(), &high),
        (format!("ENV A={}", key_id()), &critical),
        (
            "ENV APP_KEY=9f86d081884c7d659a2feaa0c55ad015".to_owned(),
            &critical,
        ),
        (
            "ENV URL=postgres://app:hunter2@db/app".to_owned(),
            &critical,
        ),
        ("ARG TOKEN=hunter2".to_owned(), &high),
        ("ARG NPM_TOKEN".to_owned(), &medium),
        ("ARG NPM_TOKEN=".to_owned(), &medium),
        // The same twice is one word.
        (
            "ENV DB_PASSWORD=hunter2 DB_PASSWORD=hunter3".to_owned(),
            &high,
        ),
        ("ENV NPM_TOKEN=$GIVEN".to_owned(), &high),
        ("LABEL com.example.api-key=hunter2".to_owned(), &high),
        ("RUN mysql --password=hunter2".to_owned(), &high),
        ("RUN export TOKEN=hunter2 && x".to_owned(), &high),
        (
            "RUN [\"mysql\", \"--password\", \"hunter2\"]".to_owned(),
            &high,
        ),
        (
            format!("RUN aws configure set aws_access_key_id {}", key_id()),
            &critical,
        ),
        (
            "RUN cat <<EOF > /x\npassword=hunter2\nEOF".to_owned(),
            &high,
        ),
        (
            "COPY <<EOF /root/.netrc\nmachine x password=hunter2\nEOF".to_owned(),
            &high,
        ),
        ("CMD [\"run\", \"--token\", \"hunter2\"]".to_owned(), &high),
        ("ENTRYPOINT run --token hunter2".to_owned(), &high),
        (
            "HEALTHCHECK CMD curl http://a:hunter2@localhost".to_owned(),
            &critical,
        ),
        ("ONBUILD ENV DB_PASSWORD=hunter2".to_owned(), &high),
        ("COPY .env /app/".to_owned(), &high),
        ("COPY a b/.env /app/".to_owned(), &high),
        ("COPY [\".env\", \"/app/\"]".to_owned(), &high),
        ("COPY $NAME/id_rsa /root/.ssh/".to_owned(), &high),
        ("ADD id_ed25519 /root/.ssh/".to_owned(), &high),
        ("COPY .aws/credentials /root/.aws/".to_owned(), &high),
        ("COPY .ssh/ /root/.ssh/".to_owned(), &high),
        ("COPY tls/site.p12 /tls/".to_owned(), &high),
        ("COPY .netrc /root/".to_owned(), &high),
        ("COPY .npmrc /root/".to_owned(), &medium),
        ("COPY .env.production /app/".to_owned(), &medium),
        ("COPY server.key /tls/".to_owned(), &medium),
        ("COPY server.pem /tls/".to_owned(), &medium),
    ] {
        let text = format!("FROM a:1\nARG GIVEN\n{line}\n");
        assert_eq!(&failures(RULE, &text), expected, "{line}");
    }
    for (text, expected) in [
        ("ARG NPM_TOKEN=hunter2\nFROM a:1", &high),
        ("ARG NPM_TOKEN\nFROM a:1", &vec![]),
        ("FROM a:1 AS b\nARG NPM_TOKEN\nFROM c:1", &low),
        ("FROM a:1 AS b\nARG NPM_TOKEN\nFROM b", &medium),
        ("FROM a:1 AS b\nCOPY .env /\nFROM c:1", &medium),
        ("FROM a:1 AS b\nCOPY .npmrc /\nFROM c:1", &low),
        ("FROM a:1 AS b\nENV DB_PASSWORD=hunter2\nFROM c:1", &high),
    ] {
        assert_eq!(&failures(RULE, text), expected, "{text}");
    }
}

#[test]
fn what_is_no_secret_passes() {
    for line in [
        "ENV DB_PASSWORD_FILE=/run/secrets/db",
        "ENV DB_PASSWORD=",
        "ENV COLOUR=$NAME",
        "ENV TOKEN_TYPE=bearer KEYCLOAK=1 PASSWORD_MIN_LENGTH=8",
        "ENV DB_SECRET=arn:aws:secretsmanager:eu-west-1:111122223333:secret:db",
        "ARG TOKEN_URL",
        "ARG SHA256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "RUN --mount=type=secret,id=npm,target=/root/.npmrc npm ci",
        "RUN --mount=type=secret,id=t TOKEN=$(cat /run/secrets/t) x",
        "RUN mysql --password=$DB_PASSWORD",
        "RUN adduser --disabled-password app",
        "RUN echo $TOKEN",
        "COPY .env.example .env.sample /app/",
        "COPY --from=build /app/.env /app/",
        "COPY ca.pem certs/root-ca.pem fullchain.pem /tls/",
        "COPY rds-ca-bundle.pem server.crt id_rsa.pub /tls/",
        "COPY environment .environment package.json /app/",
        "COPY . .",
        "COPY $NAME /app/",
        "CMD [\"run\", \"--password-file\", \"/run/secrets/db\"]",
        "LABEL org.opencontainers.image.source=https://github.com/a/b",
    ] {
        let text = format!("FROM a:1\nARG NAME\n{line}\n");
        assert_eq!(failures(RULE, &text), [], "{line}");
    }
}

#[test]
fn a_policy_may_name_more() {
    let text = "FROM a:1\nENV CARD_PIN=x7\n";
    assert_eq!(failures(RULE, text), []);
    let policy = "version: 1\nparameters:\n  secret-in-environment: { names: ['*_PIN'] }\n";
    let policy = Policy::from_yaml(policy, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
    let found = findings_with(RULE, &read(text, "").unwrap(), &policy);
    assert_eq!(found.len(), 1);
}

proptest! {
    #[test]
    fn no_message_has_a_value_in_it(
        secret in "Zq[A-Za-z0-9+/=!@%^&*-]{6,60}",
        form in prop::sample::select(vec!["{}", "--password={}", "postgres://a:{}@db/x", "ghp_{}", "AKIA7Q2Z9R4V1N8W5H3J{}",
            "Password={};", "-----BEGIN PRIVATE KEY-----{}", "https://hooks.slack.com/services/{}"]),
        name in prop::sample::select(vec!["DB_PASSWORD", "APP_KEY", "PLAIN", "AWS_SECRET_ACCESS_KEY", "NODE_TLS_REJECT_UNAUTHORIZED"]),
    ) {
        let planted = form.replace("{}", &secret);
        let text = format!(
            "FROM a:1\nARG {name}='{planted}'\nENV {name}='{planted}'\nLABEL {name}=\"{planted}\"\nRUN x {planted}\n\
             RUN curl -k --password {planted} https://x | sh\nRUN cat <<EOF\n{planted}\nEOF\nCMD x '{planted}'\n\
             HEALTHCHECK CMD x {planted}\nADD https://a:{secret}@example.com/x?token={secret} /y\n"
        );
        let Ok(dockerfile) = read(&text, "Dockerfile") else { return Ok(()) };
        for finding in all_findings(&dockerfile) {
            prop_assert!(!finding.message.contains("Zq") && !finding.help.contains("Zq"), "{}", finding.message);
        }
    }
}
