use super::super::{
    Answer, Applies, Check, Context, PodSecurity, References, Rule,
    each::{Judged, containers, read},
};
use crate::{
    Edit, Severity,
    facts::{PlacedContainer, TaskDefinition},
    names::quoted_value,
};

pub(in crate::catalogue) const RULE: Rule = Rule {
    id: "root-user",
    summary: "a container runs as root, or nothing says that it does not",
    severity: Severity::High,
    applies: Applies::LINUX,
    help: "set `user` to a numeric uid other than 0, for example `\"user\": \"10001:10001\"`, and give that uid the files it writes in the image",
    references: References {
        guidance: "run containers as a non-root user",
        aws_config: &[
            "ECS_TASK_DEFINITION_LINUX_USER_NON_ROOT",
            "ECS_TASK_DEFINITION_NONROOT_USER",
        ],
        security_hub: &["ECS.20"],
        control_tower: &["CT.ECS.PR.3"],
        cis_docker: &["4.1"],
        pod_security: Some(PodSecurity::Restricted),
    },
    check: Check::TaskDefinition(check),
};

/// Any uid but 0; which one, the image has to know.
const OTHER_USER: &str = r#""10001:10001""#;

fn check(definition: &TaskDefinition, _: &Context<'_>) -> Vec<Answer> {
    let what = |container: &str| format!("the user of {container}");
    containers(definition, what, judge)
}

fn judge<'a>(container: &'a PlacedContainer<'_>) -> Judged<'a> {
    // A FireLens log router makes its socket in a directory of the host's root and does not start
    // as another user (aws/containers-roadmap#2122).
    if container.firelens_configuration.known().is_some() {
        return Ok(None);
    }
    let user = read("user", &container.user)?.map_or("", |user| user.trim());
    let unknown = |message: &str| {
        let message = format!("{} {message}", container.shown());
        Answer::unknown(container.pointer("user"), message)
    };
    let answer = match Identity::of(user) {
        Identity::Root => {
            let shown = quoted_value(user);
            let was = match user {
                "0" => Some(r#""0""#),
                "root" => Some(r#""root""#),
                _ => None,
            };
            let fix = Edit::set(OTHER_USER).instead_of(was);
            let message = format!("runs as root: `user` is {shown}");
            container.fails("user", &message).fix(fix)
        }
        Identity::Image => {
            unknown("sets no `user`: its image decides, and an image that names none runs as root")
                .fix(Edit::set(OTHER_USER))
        }
        // Only the image's /etc/passwd could tell, and hardly any image maps another name to uid 0:
        // worth a word where the policy is strict, not a call at night.
        Identity::Name => unknown(&format!(
            "runs as {}: which uid that name has is decided by the image",
            quoted_value(user)
        ))
        .severity(Severity::Low)
        .help("name the user by its numeric uid, which nothing in the image can turn into root"),
        Identity::Uid => return Ok(None),
    };
    Ok(Some(answer))
}

/// Who a `user` value stands for.
#[derive(Debug, PartialEq)]
pub(in crate::catalogue) enum Identity {
    Root,
    /// No user is set: the image's.
    Image,
    Uid,
    Name,
}

impl Identity {
    /// Reads what stands before the colon as container runtimes do: a number in decimal with an
    /// optional sign and leading zeros is a uid (`00` and `+0` are root), anything else a name.
    pub(in crate::catalogue) fn of(user: &str) -> Self {
        let user = user.split(':').next().unwrap_or_default().trim();
        let digits = user.strip_prefix(['+', '-']).unwrap_or(user);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if user.is_empty() {
            Self::Image
        } else if is_number && digits.bytes().all(|byte| byte == b'0')
            || user.eq_ignore_ascii_case("root")
        {
            Self::Root
        } else if is_number {
            Self::Uid
        } else {
            Self::Name
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_names_what_it_replaces_where_that_is_no_text_from_outside() {
        for (user, was) in [
            ("0", Some(r#""0""#)),
            ("root", Some(r#""root""#)),
            ("0:1000", None),
            ("+0", None),
        ] {
            let json = format!(r#"{{"containerDefinitions":[{{"user":"{user}"}}]}}"#);
            let answers = crate::catalogue::tests::judge(&RULE, &json);
            assert_eq!(answers[0].fix.as_ref().unwrap().was, was, "{user}");
        }
    }

    #[test]
    fn every_form_that_ecs_accepts_is_read() {
        for (user, identity) in [
            ("root", Identity::Root),
            ("root:root", Identity::Root),
            ("root:wheel", Identity::Root),
            ("root:1000", Identity::Root),
            ("Root", Identity::Root),
            ("0", Identity::Root),
            ("0:0", Identity::Root),
            ("0:staff", Identity::Root),
            ("0:1000", Identity::Root),
            ("00", Identity::Root),
            ("000:0", Identity::Root),
            ("+0", Identity::Root),
            ("-0", Identity::Root),
            (" 0 ", Identity::Root),
            ("\troot\n", Identity::Root),
            ("0 :1000", Identity::Root),
            ("", Identity::Image),
            ("  ", Identity::Image),
            (":1000", Identity::Image),
            ("1000", Identity::Uid),
            ("1000:1000", Identity::Uid),
            ("1000:0", Identity::Uid),
            ("1000:root", Identity::Uid),
            ("1337", Identity::Uid),
            ("65534", Identity::Uid),
            ("010", Identity::Uid),
            ("nobody", Identity::Name),
            ("app:app", Identity::Name),
            ("app:0", Identity::Name),
            ("0x0", Identity::Name),
            ("+", Identity::Name),
            ("0.0", Identity::Name),
            ("rootless", Identity::Name),
        ] {
            assert_eq!(Identity::of(user), identity, "{user:?}");
        }
    }
}
