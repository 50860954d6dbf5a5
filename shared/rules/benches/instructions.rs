//! Does one thing a number of times, for callgrind to count its instructions: `make bench-instructions`. The
//! difference between two numbers is what the thing itself takes, without the start of the process.

mod fixtures;

use std::{env, error::Error, hint::black_box};

use tidewaiter_rules::decide;

/// `parse|decide-restricted|decide-default DEFINITION TIMES`. Cargo adds `--bench`.
#[expect(
    clippy::disallowed_methods,
    reason = "the core is told nothing by its environment; this program is told what to do"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, definition, times, ..] = arguments.as_slice() else {
        // `cargo bench` runs all benchmarks, and this one is nothing by itself.
        return Ok(());
    };
    let times: usize = times.parse()?;
    let fixtures = fixtures::all()?;
    let fixture = fixtures.iter().find(|fixture| fixture.name == definition);
    let fixture = fixture.ok_or_else(|| format!("no definition `{definition}`"))?;
    if what == "parse" {
        for _ in 0..times {
            black_box(fixtures::read(black_box(&fixture.json))?);
        }
        return Ok(());
    }
    let policies = fixtures::policies();
    let (_, policy) = policies
        .iter()
        .find(|(name, _)| name == what)
        .ok_or_else(|| format!("cannot do `{what}`"))?;
    for _ in 0..times {
        black_box(decide(black_box(&fixture.facts), black_box(policy)));
    }
    Ok(())
}
