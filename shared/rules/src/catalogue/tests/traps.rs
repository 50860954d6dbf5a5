//! The forms of a value in which other checks go wrong, rule by rule: written otherwise, standing
//! elsewhere, or only looking bad.

mod contents;
mod host;

use super::*;

const DIGEST: &str = "@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

/// A rule, members of a definition's first container or, with a `/`, of the definition, and whether
/// they are to be found.
type Trap = (&'static str, &'static str, bool);

#[test]
fn every_form_is_judged_as_what_it_means() {
    let mut wrong = Vec::new();
    for (rule, members, expected) in host::TRAPS.iter().chain(contents::TRAPS) {
        let members = members.replace("DIGEST", DIGEST.trim_start_matches('@'));
        let json = match members.strip_prefix('/') {
            Some(members) => format!(
                r#"{{{members},"containerDefinitions":[{{"name":"a","mountPoints":[{{"sourceVolume":"v","readOnly":true}}]}}]}}"#
            ),
            None => format!(r#"{{"containerDefinitions":[{{"name":"a",{members}}}]}}"#),
        };
        let answers = judge(find(rule).unwrap(), &json);
        if answers.is_empty() == *expected {
            wrong.push(format!("{rule} is not {expected} of {json}: {answers:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
