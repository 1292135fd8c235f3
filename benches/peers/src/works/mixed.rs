//! A mixed day: of ten calls four start a session, four end one, durably, and two ask for the first
//! page of a filter, each filter in turn. A row is the mean of ten such calls.

use crate::Result;
use crate::bench::{Bench, Subject};
use crate::data;
use crate::figure::{Figure, Label};
use crate::measure::timed;
use crate::question::{self, Question};
use std::time::Duration;

/// Of each kind of write.
const WRITES: usize = 4;
const PAGES: usize = 2;
const CALLS: u32 = 10;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let questions = question::first_pages(bench.profile())?;
    let mut turns: Vec<(&str, usize)> = bench.kinds.iter().map(|kind| (kind.name, 0)).collect();
    let label = Label::new("mixed", bench.sessions);
    bench.measure_writes(label, |subject| {
        let turn = turns.iter_mut().find(|turn| turn.0 == subject.kind.name);
        let (_, asked) = turn.ok_or("an unknown engine")?;
        let pages = questions.iter().cycle().skip(*asked).take(PAGES);
        *asked = (*asked + PAGES) % questions.len();
        Ok(ten_calls(subject, pages)? / CALLS)
    })
}

fn ten_calls<'q>(
    subject: &mut Subject,
    pages: impl Iterator<Item = &'q Question>,
) -> Result<Duration> {
    let ending = subject.ending(WRITES)?;
    let starting = subject.arriving(WRITES);
    let mut spent = Duration::ZERO;
    for (ending, starting) in ending.into_iter().zip(&starting) {
        let open = data::opened(starting.clone());
        spent += timed(|| subject.engine.append(vec![open]))?;
        spent += timed(|| subject.engine.end(vec![ending]))?;
    }
    subject.will_end(starting);
    for question in pages {
        spent += timed(|| subject.engine.page(question))?;
    }
    Ok(spent)
}
