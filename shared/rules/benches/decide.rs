//! What a decision costs, beside reading the JSON that it is about: `make bench`.

use std::{error::Error, hint::black_box};

use criterion::{BenchmarkId, Criterion};
use tidewaiter_rules::{
    Facts, Policy, Subject, decide, facts::TaskDefinition, names::Place, policy::Profile,
};

/// A definition, and whether every rule passes it: its decision is then nothing but the way to a pass.
struct Fixture {
    name: &'static str,
    json: String,
    is_clean: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let hardened = include_str!("fixtures/hardened.json");
    let fixtures = [
        Fixture {
            name: "hardened",
            json: hardened.to_owned(),
            is_clean: true,
        },
        Fixture {
            name: "hardened-10-containers",
            json: with_containers(hardened, 10)?,
            is_clean: true,
        },
        Fixture {
            name: "typical",
            json: include_str!("fixtures/typical.json").to_owned(),
            is_clean: false,
        },
        Fixture {
            name: "weak",
            json: include_str!("fixtures/weak.json").to_owned(),
            is_clean: false,
        },
    ];
    let mut criterion = Criterion::default().configure_from_args();
    for fixture in &fixtures {
        measure(&mut criterion, fixture)?;
    }
    criterion.final_summary();
    Ok(())
}

fn measure(criterion: &mut Criterion, fixture: &Fixture) -> Result<(), Box<dyn Error>> {
    let read = || serde_json::from_str::<TaskDefinition>(black_box(&fixture.json));
    let facts = Facts {
        place: Some(Place::of_region("eu-west-1", "111122223333")?),
        observed_at: None,
        subject: Subject::TaskDefinition(Box::new(read()?)),
    };
    let restricted = Policy::of_profile(Profile::Restricted);
    let findings = decide(&facts, &restricted).findings;
    if findings.is_empty() != fixture.is_clean {
        return Err(format!("{}: {findings:#?}", fixture.name).into());
    }

    let mut group = criterion.benchmark_group(fixture.name);
    group.bench_function(BenchmarkId::from_parameter("parse"), |bencher| {
        bencher.iter(read);
    });
    for (name, policy) in [
        ("decide-restricted", restricted),
        ("decide-default", Policy::default()),
    ] {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| decide(black_box(&facts), black_box(&policy)));
        });
    }
    group.finish();
    Ok(())
}

/// The definition with its containers in turn, until there are `count`.
fn with_containers(json: &str, count: usize) -> serde_json::Result<String> {
    let mut definition: serde_json::Value = serde_json::from_str(json)?;
    if let Some(containers) = definition
        .get_mut("containerDefinitions")
        .and_then(serde_json::Value::as_array_mut)
    {
        let turns = containers.iter().cycle().take(count).enumerate();
        *containers = turns
            .map(|(index, container)| {
                let mut container = container.clone();
                if let Some(name) = container.get_mut("name") {
                    *name = format!("container-{index}").into();
                }
                container
            })
            .collect();
    }
    serde_json::to_string_pretty(&definition)
}
