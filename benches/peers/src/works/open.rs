//! Opening a store until it has answered a small question: after it was closed, and after the
//! process that wrote to it was killed.

use crate::Result;
use crate::bench::{Bench, OfEngine, Subject, measure_on};
use crate::child::{Call, SESSIONS_TILL_READY};
use crate::engines::{Engine, Kind, Settings};
use crate::figure::{Figure, Label};
use crate::measure::timed;
use crate::question::Question;
use sessionlog::Query;
use std::path::PathBuf;
use std::time::Duration;

/// More than a child writes before it is killed: the next one begins as many later.
const SESSIONS_A_CHILD: u64 = 100_000;

/// A store while nobody has it open.
struct Closed {
    kind: &'static Kind,
    folder: PathBuf,
    sessions: u64,
    /// Sessions that it has, as far as is known.
    stored: u64,
    /// The next month that a child writes.
    month: u32,
}

impl OfEngine for Closed {
    fn engine(&self) -> &'static str {
        self.kind.name
    }
}

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let mut stores: Vec<Closed> = bench
        .on_disk()
        .map(|kind| closed(bench, kind))
        .collect::<Result<_>>()?;
    let question = small_question(bench)?;
    let (budget, progress) = (bench.budget, bench.progress.clone());
    let label = Label::new("open-clean", bench.sessions);
    let clean = measure_on(&mut stores, budget, &progress, label, |store| {
        Ok(store.open(&question)?.0)
    })?;
    let label = Label::new("open-killed", bench.sessions);
    let killed = measure_on(&mut stores, budget, &progress, label, |store| {
        store.kill()?;
        let (spent, engine) = store.open(&question)?;
        store.check_total(&*engine)?;
        Ok(spent)
    })?;
    Ok([clean, killed].concat())
}

fn closed(bench: &Bench, kind: &'static Kind) -> Result<Closed> {
    bench.says(format!("filling {} to be opened", kind.name));
    let folder = bench.folder("open", kind);
    let profile = bench.profile();
    drop(Subject::filled(
        kind,
        &folder,
        profile.session_logs(),
        profile,
    )?);
    Ok(Closed {
        kind,
        folder,
        sessions: bench.sessions,
        stored: bench.sessions,
        month: 1,
    })
}

/// Of so few sessions that counting them takes no time anywhere.
fn small_question(bench: &Bench) -> Result<Question> {
    let profile = bench.profile();
    let client = profile.client_refer_uid(0);
    let query = Query::builder()
        .user_refer_uid(profile.user_refer_uid(0))
        .client_refer_uid(client.as_str())
        .open_sessions_only(true);
    Question::first(&query.build()?)
}

impl Closed {
    /// How long opening takes, and what was opened.
    fn open(&self, question: &Question) -> Result<(Duration, Box<dyn Engine>)> {
        let mut opened = None;
        let spent = timed(|| {
            let engine = self.kind.open(&self.folder, Settings::default())?;
            let answer = engine.page(question)?;
            opened = Some(engine);
            Ok(answer)
        })?;
        Ok((spent, opened.ok_or("nothing was opened")?))
    }

    fn kill(&mut self) -> Result<()> {
        let call = Call {
            kind: self.kind,
            folder: &self.folder,
            sessions: self.sessions,
        };
        call.write_and_kill(self.month)?;
        self.month += u32::try_from(SESSIONS_A_CHILD.div_ceil(self.sessions))?;
        Ok(())
    }

    /// What was durable before the kill must be there.
    fn check_total(&mut self, engine: &dyn Engine) -> Result<()> {
        let total = engine.page(&Question::first(&Query::all())?)?.total;
        let expected = self.stored + SESSIONS_TILL_READY;
        if total < expected {
            let name = self.kind.name;
            return Err(format!("{name} lost durable sessions: {total} of {expected}").into());
        }
        self.stored = total;
        Ok(())
    }
}
