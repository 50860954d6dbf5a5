//! What the judges of the checks have in common, and the report.

use serde_json::Value;
use tidewaiter_rules::names::Place;

use super::{report::Standing, *};
use crate::account::arguments::AccountArguments;

/// A resource as the template wants it.
pub(super) fn wanted(kind: &str, id: &str, physical: &str, properties: Value) -> Wanted {
    Wanted {
        id: id.to_owned(),
        kind: kind.to_owned(),
        physical: physical.to_owned(),
        properties,
    }
}

/// Commands for `eu-west-1`.
pub(super) fn commands() -> Commands {
    let arguments = AccountArguments {
        stack: "guard".to_owned(),
        ..AccountArguments::default()
    };
    Commands::of(&arguments, "eu-west-1", "enforce")
}

/// What was found, one line each: standing, subject, words, commands.
pub(super) fn lines(checks: impl IntoIterator<Item = Check>) -> Vec<String> {
    let line = |check: Check| {
        let standing = match check.standing {
            Standing::Ok => "ok",
            Standing::Warning => "warning",
            Standing::CannotTell => "cannot tell",
            Standing::Problem => "problem",
        };
        let fix: Vec<String> = check
            .fix
            .iter()
            .map(|command| format!(" [{}]", command.replace(" --region eu-west-1", "")))
            .collect();
        format!(
            "{standing} {}: {}{}",
            check.subject,
            check.found,
            fix.concat()
        )
    };
    checks.into_iter().map(line).collect()
}

fn report(checks: Vec<Check>) -> Report {
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let mut report = Report::of("guard", &place, Some("enforce"));
    report.add(checks);
    report
}

fn some() -> Vec<Check> {
    vec![
        Check::ok("rules", "ImagePushed", "enabled"),
        Check::ok("rules", "TaskChanged", "enabled"),
        Check::ok("code", "Guard", "as deployed (a1)"),
        Check::ok("code", "Notify", "as deployed (b2)"),
        Check::ok("switch", "kill switch", "the functions act"),
        Check::warning("last-event", "ImagePushed", "nothing within two weeks").why("who knows"),
        Check::cannot_tell("roles", "GuardRole", "you may not call `iam:GetRole`"),
        Check::problem("code", "Scan", "it runs another")
            .why("it judges as somebody else wants")
            .fix([
                commands().aws("lambda update", &[("name", "x")]),
                commands().aws("lambda wait", &[]),
            ]),
    ]
}

#[test]
fn problems_come_first_and_what_is_well_is_short() {
    insta::assert_snapshot!(report(some()).to_string());
}

#[test]
fn programs_get_everything() {
    insta::assert_snapshot!(crate::json::text(&report(some())).unwrap());
}

#[test]
fn a_problem_is_1_and_what_cannot_be_read_is_2() {
    let mut checks = some();
    assert_eq!(report(checks.clone()).status(), Status::Denied);
    checks.pop();
    assert_eq!(report(checks.clone()).status(), Status::Unusable);
    checks.pop();
    assert_eq!(report(checks).status(), Status::Allowed);
}

#[test]
fn a_fix_of_which_a_part_cannot_be_written_is_none() {
    let check = Check::problem("rules", "x", "y");
    let half = check.fix([commands().deploy(), None]);
    assert_eq!(half.fix, Vec::<String>::new());
}
