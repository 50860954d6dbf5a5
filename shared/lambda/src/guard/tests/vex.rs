//! What becomes of images where documents of the policy cannot be read.

use super::*;

#[tokio::test(start_paused = true)]
async fn without_the_policys_documents_an_image_is_judged_and_left_and_it_is_told() {
    let wire = Wire::new(critical_pages);
    let mut guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    let policy = Policy::from_yaml("version: 1\nvex: [a.json]\n", jiff::Timestamp::UNIX_EPOCH);
    guard.settings.policy = policy.unwrap().without_vex();
    guard
        .untold
        .replace(Some("`a.json`: there is no such file".to_owned()));
    let result = guard.handle(&event("image-scan-guard/critical"), "r").await;
    let done = Done { result, wire };
    assert_eq!(done.result, Ok(()));
    let changes = |name: &String| name == "UpdateImageStorageClass";
    assert!(!done.operations().iter().any(changes));
    let alerts = done.alerts();
    let [setup, image] = alerts.as_slice() else {
        panic!("{alerts:?}")
    };
    assert_eq!(setup["failure"]["error"], "`a.json`: there is no such file");
    assert_eq!(setup["failure"]["fate"], "events are still judged");
    assert_eq!(
        (&image["mode"], &image["decision"]),
        (&json!("audit"), &json!("deny"))
    );
    assert_eq!(image["actions"][0]["effect"], "not-applied");
}
