use super::super::{Answer, Applies, Check, Context, References, Rule};
use crate::{
    Severity,
    facts::{
        Dockerfile,
        dockerfile::{Operation, Text, Transfer},
    },
    field::Field,
    names::quoted,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "dockerfile-remote-add",
    summary: "`ADD` fetches what nothing verifies",
    severity: Severity::Medium,
    applies: Applies::EVERYWHERE,
    help: "say what has to come: `ADD --checksum=sha256:… https://…`, or the full commit behind the `#` of a Git repository; for files of the build context use `COPY`",
    references: References {
        guidance: "verify what a build downloads",
        aws_config: &[],
        security_hub: &[],
        control_tower: &[],
        cis_docker: &["4.9"],
        pod_security: None,
    },
    check: Check::Dockerfile(check),
};

fn check(dockerfile: &Dockerfile, _: &Context<'_>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (index, operation) in dockerfile.operations() {
        if let Operation::Add(add) = operation {
            let sources = add.sources.iter();
            answers.extend(sources.filter_map(|source| judge(index, add, source)));
        }
    }
    answers
}

fn judge(index: usize, add: &Transfer, source: &Text) -> Option<Answer> {
    let pointer = format!("/instructions/{index}");
    // A checksum that a variable holds is verified all the same.
    if add.checksum.is_some() {
        return None;
    }
    let text = source.value.known().unwrap_or(&source.written);
    let shown = quoted(&without_credentials(text.trim_matches(['"', '\''])));
    match (Origin::of(text), &source.value) {
        (Origin::Url, _) => Some(Answer::fail(
            pointer,
            format!("`ADD` downloads {shown}, and nothing verifies what comes"),
        )),
        (Origin::Git(reference), Field::Known(_)) if is_commit(reference) => None,
        (Origin::Git(reference), Field::Unknown(reason)) if reference.contains('$') => {
            let what = format!("whether the commit of {shown} is pinned");
            Some(Answer::unreadable(pointer, &what, reason).severity(Severity::Low))
        }
        (Origin::Git(""), _) => Some(Answer::fail(
            pointer,
            format!("`ADD` takes whatever is on the default branch of {shown}"),
        )),
        (Origin::Git(_), _) => Some(
            Answer::fail(
                pointer,
                format!("`ADD` takes {shown} by a branch or tag, which can move"),
            )
            .severity(Severity::Low),
        ),
        (Origin::Context, Field::Unknown(reason)) if text.starts_with('$') => {
            let what = format!("what `ADD` takes from {shown}");
            Some(Answer::unreadable(pointer, &what, reason).severity(Severity::Low))
        }
        (Origin::Context, _) => None,
    }
}

/// Where a source of `ADD` comes from.
#[derive(Debug, PartialEq)]
enum Origin<'a> {
    Context,
    Url,
    /// With the reference behind the `#`.
    Git(&'a str),
}

/// Builders know a repository by this alone, in this case alone.
const GIT: &str = ".git";

impl<'a> Origin<'a> {
    fn of(source: &'a str) -> Self {
        let lower = source.to_ascii_lowercase();
        let (url, fragment) = source.split_once('#').unwrap_or((source, ""));
        let reference = fragment.split(':').next().unwrap_or_default();
        let is_web = ["http://", "https://", "ftp://"]
            .iter()
            .any(|scheme| lower.starts_with(scheme));
        let path = url.split('?').next().unwrap_or_default();
        let is_git = ["git@", "git://", "ssh://"]
            .iter()
            .any(|scheme| lower.starts_with(scheme));
        if is_git || is_web && path.trim_end_matches('/').ends_with(GIT) {
            Self::Git(reference)
        } else if is_web {
            Self::Url
        } else {
            Self::Context
        }
    }
}

/// A URL may hold a password before its host, and a token in its query.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.split('?').next().unwrap_or_default().to_owned();
    };
    match (rest.rsplit_once('@'), rest.split_once('?')) {
        // Either may stand within the other.
        (Some(_), Some(_)) => format!("{scheme}://…"),
        (Some((_, host)), None) => format!("{scheme}://…@{host}"),
        (None, Some((host, _))) => format!("{scheme}://{host}"),
        (None, None) => url.to_owned(),
    }
}

fn is_commit(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Outcome;

    fn judged(source: &Text) -> Option<(Outcome, Option<Severity>)> {
        let add = Transfer {
            sources: Vec::new(),
            here_documents: Vec::new(),
            destination: Text::default(),
            from: None,
            checksum: None,
            chmod: None,
        };
        judge(0, &add, source).map(|answer| (answer.outcome, answer.severity))
    }

    fn known(text: &str) -> Text {
        Text {
            written: text.to_owned(),
            value: Field::Known(text.to_owned()),
        }
    }

    fn unknown(text: &str) -> Text {
        Text {
            written: text.to_owned(),
            value: Field::Unknown("it depends on a variable".to_owned()),
        }
    }

    #[test]
    fn what_a_reference_says_of_what_comes() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let git = |reference: &str| format!("https://example.com/a.git#{reference}");
        let (fail, weak) = (
            Some((Outcome::Fail, None)),
            Some((Outcome::Fail, Some(Severity::Low))),
        );
        let open = Some((Outcome::Unknown, Some(Severity::Low)));
        for (source, expected) in [
            (known(&git(commit)), None),
            (known(&git(commit.trim_start_matches('0'))), weak),
            (known(&git(&format!("{commit}{}", "0a".repeat(12)))), None),
            (known(&git(&commit.replace('a', "g"))), weak),
            (known(&git("main")), weak),
            (known(&git("")), fail),
            (known("https://example.com/a.git"), fail),
            (unknown(&git("$COMMIT")), open),
            // Only the host is a variable's.
            (unknown(&format!("https://$HOST/a.git#{commit}")), weak),
            (unknown("https://$HOST/a.git"), fail),
            (known("https://example.com/a.tar"), fail),
            (known("a.tar"), None),
            (unknown("$SOURCE"), open),
            (unknown("dist/$SOURCE"), None),
        ] {
            assert_eq!(judged(&source), expected, "{}", source.written);
        }
    }

    #[test]
    fn sources_come_from_where_builders_say() {
        for (source, origin) in [
            ("git@example.com:a", Origin::Git("")),
            ("GIT@example.com:a#x:dir", Origin::Git("x")),
            ("ssh://example.com/a", Origin::Git("")),
            ("https://example.com/a.git/", Origin::Git("")),
            ("https://example.com/a.git?x=1#y", Origin::Git("y")),
            ("https://example.com/a.GIT", Origin::Url),
            ("HTTPS://example.com/a", Origin::Url),
            ("ftp://example.com/a", Origin::Url),
            ("a.git", Origin::Context),
            ("ftps://example.com/a", Origin::Context),
        ] {
            assert_eq!(Origin::of(source), origin, "{source}");
        }
    }
}
