//! Many open sessions are stored and then ended, all at once; then the page of open sessions, which
//! has none left, must not be the slower for those that it had.

use crate::Result;
use crate::bench::{Bench, measure_on};
use crate::data;
use crate::figure::{Figure, Label};
use crate::measure::timed;
use crate::{check, question::Question};
use chrono::TimeDelta;
use sessionlog::Query;
use sessionlog::generate::Profile;

const WORK: &str = "ended-in-delta";

/// Unless the store is to be smaller.
const OPEN: u64 = 60_000;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let count = OPEN.min(bench.sessions);
    let profile = data::profile(count);
    let mut stores = bench.filled(WORK, || profile.session_logs().map(data::opened))?;
    let at = Profile::default().end + TimeDelta::days(1);
    let label = Label::new(WORK, count);
    let mut figures = Vec::new();
    for store in &stores {
        bench.says(format!("{WORK}: {} ends all", store.kind.name));
        let spent = timed(|| match store.engine.end_open(at)? {
            ended if ended == count => Ok(()),
            ended => Err(format!("{} ended {ended} of {count}", store.kind.name).into()),
        })?;
        let label = label.clone().batch(usize::try_from(count)?);
        let micros = spent.as_secs_f64() * 1e6;
        figures.push(Figure::once(store.kind.name, label, micros));
    }
    let open = Query::builder().open_sessions_only(true).build()?;
    let question = Question::first(&open)?;
    check::one(&stores, &question, WORK)?;
    let label = label.page("open", "first");
    let progress = bench.progress.clone();
    figures.extend(measure_on(
        &mut stores,
        bench.budget,
        &progress,
        label,
        |store| timed(|| store.engine.page(&question)),
    )?);
    Ok(figures)
}
