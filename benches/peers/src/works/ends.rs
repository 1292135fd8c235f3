//! Durable ends of open sessions: one in a commit, and many.

use crate::Result;
use crate::bench::Bench;
use crate::figure::{Figure, Label};
use crate::measure::timed;

const BATCHES: [usize; 2] = [1, 1_000];

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for batch in BATCHES {
        let label = Label::new("ends", bench.sessions).batch(batch);
        figures.extend(bench.measure_writes(label, |subject| {
            let logs = subject.ending(batch)?;
            timed(|| subject.engine.end(logs))
        })?);
    }
    Ok(figures)
}
