use serde_json::json;

use super::{
    super::tests::{lines, wanted},
    *,
};

#[test]
fn never_is_a_warning() {
    let rule = |id| wanted("AWS::Events::Rule", id, id, json!({}));
    let (one, other) = (rule("ImagePushed"), rule("TaskChanged"));
    let last = vec![Some(("2026-11-25T12:00:00Z".parse().unwrap(), 3.0)), None];
    assert_eq!(
        lines(judge(&[&one, &other], Ok(last))),
        [
            "ok ImagePushed: in the hour from 2026-11-25T12:00:00Z",
            "warning TaskChanged: nothing within two weeks"
        ]
    );
}
