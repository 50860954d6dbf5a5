//! How long a decision takes, beside reading the JSON that it is about: `make bench-decide`.

mod fixtures;

use std::{error::Error, hint::black_box};

use criterion::{BenchmarkId, Criterion};
use fixtures::Fixture;
use tidewaiter_rules::decide;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    for fixture in &fixtures::all()? {
        measure(&mut criterion, fixture);
    }
    criterion.final_summary();
    Ok(())
}

fn measure(criterion: &mut Criterion, fixture: &Fixture) {
    let mut group = criterion.benchmark_group(fixture.name);
    group.bench_function(BenchmarkId::from_parameter("parse"), |bencher| {
        bencher.iter(|| fixtures::read(black_box(&fixture.json)));
    });
    for (name, policy) in fixtures::policies() {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| decide(black_box(&fixture.facts), black_box(&policy)));
        });
    }
    group.finish();
}
