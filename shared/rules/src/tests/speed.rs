//! What `make bench-decide` measures, as far as it is the same on every machine.

use super::*;

#[test]
fn a_clean_definition_is_judged_in_place() {
    let text = include_str!("../../benches/fixtures/hardened.json");
    let facts = definition(&serde_json::from_str(text).unwrap());
    let policy = Policy::of_profile(Profile::Restricted);
    let mut decision = None;
    let allocated = allocation_counter::measure(|| decision = Some(decide(&facts, &policy)));
    assert_eq!(decision.unwrap().findings, []);
    // The layers of the policy.
    assert!(allocated.count_total <= 1, "{allocated:?}");
}
