//! What a decision and reading the JSON that it is about allocate, as JSON: part of `make bench-decide`. By
//! itself, because counting takes time.

mod fixtures;

use std::{
    error::Error,
    hint::black_box,
    io::{Write, stdout},
};

use allocation_counter::{AllocationInfo, measure};
use fixtures::Fixture;
use serde_json::{Map, Value, json};
use tidewaiter_rules::decide;

fn main() -> Result<(), Box<dyn Error>> {
    let fixtures = fixtures::all()?;
    let counted: serde_json::Result<Map<String, Value>> = fixtures.iter().map(counts).collect();
    writeln!(stdout(), "{}", Value::Object(counted?))?;
    Ok(())
}

fn counts(fixture: &Fixture) -> serde_json::Result<(String, Value)> {
    let definition: Value = serde_json::from_str(&fixture.json)?;
    let containers = definition.get("containerDefinitions");
    let containers = containers.and_then(Value::as_array);
    let parse = measure(|| drop(black_box(fixtures::read(black_box(&fixture.json)))));
    let mut counts = json!({
        "bytes": fixture.json.len(),
        "containers": containers.map(Vec::len),
        "parse": shown(&parse),
    });
    for (name, policy) in fixtures::policies() {
        let decided = measure(|| drop(black_box(decide(&fixture.facts, black_box(&policy)))));
        if let Some(counts) = counts.as_object_mut() {
            counts.insert(name.to_owned(), shown(&decided));
        }
    }
    Ok((fixture.name.to_owned(), counts))
}

fn shown(info: &AllocationInfo) -> Value {
    json!({"allocations": info.count_total, "bytes": info.bytes_total})
}
