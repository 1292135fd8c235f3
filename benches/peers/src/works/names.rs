//! Names that are met for the first time: a million users of one session each, stores opened anew
//! with a small cache for names, and pages all over them, so that nearly every name is read.
//!
//! The system has the files in memory still: it is the engines' caches that are cold.

use crate::bench::{Bench, Subject, measure_on, reference};
use crate::data;
use crate::engines::Settings;
use crate::figure::{Figure, Label};
use crate::measure::timed;
use crate::question::{PAGE, Question};
use crate::{Result, check};
use sessionlog::Query;

const WORK: &str = "names";

/// Unless the store is to be smaller.
const USERS: u64 = 1_000_000;

/// Room for some 400 names: four pages of users.
const NAMES_CACHE_BYTES: usize = 64 << 10;

/// Pages that are asked for in turn, from all over the store.
const PAGES: u32 = 64;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let users = USERS.min(bench.sessions);
    let profile = data::profile(users);
    let stores = bench.filled(WORK, || data::distinct_users(profile))?;
    let reopened = stores.into_iter().map(|store| reopened(bench, store));
    let mut stores: Vec<Subject> = reopened.collect::<Result<_>>()?;
    let questions = questions(&stores, users)?;
    for question in &questions {
        check::one(&stores, question, WORK)?;
    }
    let mut next: Vec<(&str, usize)> = stores.iter().map(|one| (one.kind.name, 0)).collect();
    let label = Label::new(WORK, users).page("none", "any");
    let (budget, progress) = (bench.budget, bench.progress.clone());
    measure_on(&mut stores, budget, &progress, label, |store| {
        let turn = next.iter_mut().find(|turn| turn.0 == store.kind.name);
        let (_, at) = turn.ok_or("an unknown engine")?;
        *at = (*at + 1) % questions.len();
        let question = questions.get(*at).ok_or("no question")?;
        timed(|| store.engine.page(question))
    })
}

/// Opened again, with a cold and small cache of names; the floor would be empty then.
fn reopened(bench: &Bench, store: Subject) -> Result<Subject> {
    let settings = Settings {
        names_cache_bytes: NAMES_CACHE_BYTES,
    };
    match store.kind.on_disk {
        true => {
            let folder = bench.folder(WORK, store.kind);
            store.reopened(&folder, settings)
        }
        false => Ok(store),
    }
}

fn questions(stores: &[Subject], users: u64) -> Result<Vec<Question>> {
    let reference = reference(stores)?;
    let pages = u32::try_from(users.div_ceil(u64::from(PAGE)))?;
    let indexes = (0..PAGES).map(|n| u64::from(n) * u64::from(pages) / u64::from(PAGES));
    let question = |index| Question::at(&Query::all(), u32::try_from(index)?, reference);
    indexes.map(question).collect()
}
