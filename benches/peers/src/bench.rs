//! The run: engines, budget, scratch folder, and stores filled once for several works.

use crate::data::{self, Arrivals};
use crate::engines::{Engine, Kind, Settings};
use crate::figure::{Figure, Label};
use crate::measure;
use crate::question::Question;
use crate::{Result, check};
use indicatif::ProgressBar;
use sessionlog::generate::Profile;
use sessionlog::{Query, SessionLog};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Records of a commit while a store is filled.
pub(crate) const FILL_BATCH: usize = 20_000;

/// Open sessions that are stored at a time to be ended later.
const OPEN_POOL: usize = 500;

/// The name of the engine that all others are checked against.
const REFERENCE: &str = "floor";

/// What works run on.
pub(crate) struct Bench {
    pub(crate) kinds: Vec<&'static Kind>,
    /// What each engine may spend on each row.
    pub(crate) budget: Duration,
    pub(crate) progress: ProgressBar,
    /// The size that is measured now.
    pub(crate) sessions: u64,
    scratch: PathBuf,
    stores: Option<Vec<Subject>>,
}

/// An open store under measurement.
pub(crate) struct Subject {
    pub(crate) kind: &'static Kind,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) arrivals: Arrivals,
    /// Sessions of the store that are open, with the ends that they are to have.
    open: Vec<SessionLog>,
    pub(crate) stored: u64,
}

/// Anything measured in an engine's name.
pub(crate) trait OfEngine {
    fn engine(&self) -> &'static str;
}

impl OfEngine for Subject {
    fn engine(&self) -> &'static str {
        self.kind.name
    }
}

impl Subject {
    /// A store filled with these records, `profile` telling what comes after them.
    pub(crate) fn filled(
        kind: &'static Kind,
        folder: &Path,
        logs: impl Iterator<Item = SessionLog>,
        profile: Profile,
    ) -> Result<Self> {
        let engine = kind.open(folder, Settings::default())?;
        let stored = fill(&*engine, logs, FILL_BATCH)?;
        Ok(Self {
            kind,
            engine,
            arrivals: data::arrivals(profile, 1),
            open: Vec::new(),
            stored,
        })
    }

    /// The store closed, and opened again with other settings.
    pub(crate) fn reopened(self, folder: &Path, settings: Settings) -> Result<Self> {
        drop(self.engine);
        Ok(Self {
            engine: self.kind.open(folder, settings)?,
            ..self
        })
    }

    /// Records that are appended next, whatever becomes of them.
    pub(crate) fn arriving(&mut self, count: usize) -> Vec<SessionLog> {
        let logs: Vec<SessionLog> = self.arrivals.by_ref().take(count).collect();
        self.stored += logs.len() as u64;
        logs
    }

    /// Sessions that are open in the store, with ends.
    pub(crate) fn ending(&mut self, count: usize) -> Result<Vec<SessionLog>> {
        if self.open.len() < count {
            let logs = self.arriving(count.max(OPEN_POOL));
            let open = logs.iter().cloned().map(data::opened);
            self.engine.append(open.collect())?;
            self.will_end(logs);
        }
        Ok(self.open.drain(..count).collect())
    }

    /// Keeps sessions that were stored open, for [`Subject::ending`].
    pub(crate) fn will_end(&mut self, logs: Vec<SessionLog>) {
        self.open.extend(logs.into_iter().map(|log| SessionLog {
            session_end: log.session_end.or(Some(log.session_start)),
            ..log
        }));
    }

    /// Every session that was stored must be there.
    pub(crate) fn check_total(&self) -> Result<()> {
        let total = self.engine.page(&Question::first(&Query::all())?)?.total;
        if total != self.stored {
            let (name, stored) = (self.kind.name, self.stored);
            return Err(format!("{name} has {total} sessions; {stored} were stored").into());
        }
        Ok(())
    }
}

/// Appends records batch by batch, and tells how many.
pub(crate) fn fill(
    engine: &dyn Engine,
    mut logs: impl Iterator<Item = SessionLog>,
    batch: usize,
) -> Result<u64> {
    let mut stored = 0;
    loop {
        let next: Vec<SessionLog> = logs.by_ref().take(batch).collect();
        if next.is_empty() {
            return Ok(stored);
        }
        stored += next.len() as u64;
        engine.append(next)?;
    }
}

/// The subject that the others are checked against.
pub(crate) fn reference(subjects: &[Subject]) -> Result<&dyn Engine> {
    let reference = subjects.iter().find(|one| one.kind.name == REFERENCE);
    let reference = reference.ok_or("the floor is always measured")?;
    Ok(&*reference.engine)
}

impl Bench {
    pub(crate) fn new(
        kinds: Vec<&'static Kind>,
        budget: Duration,
        progress: ProgressBar,
        scratch: PathBuf,
    ) -> Self {
        Self {
            kinds,
            budget,
            progress,
            sessions: 0,
            scratch,
            stores: None,
        }
    }

    /// Closes the shared stores, and removes all files.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.stores = None;
        for entry in std::fs::read_dir(&self.scratch)? {
            std::fs::remove_dir_all(entry?.path())?;
        }
        Ok(())
    }

    pub(crate) fn profile(&self) -> Profile {
        data::profile(self.sessions)
    }

    /// The kinds that leave files.
    pub(crate) fn on_disk(&self) -> impl Iterator<Item = &'static Kind> + use<'_> {
        self.kinds.iter().copied().filter(|kind| kind.on_disk)
    }

    /// Where a store for a purpose of a work's own goes.
    pub(crate) fn folder(&self, purpose: &str, kind: &Kind) -> PathBuf {
        self.scratch.join(format!("{purpose}-{}", kind.name))
    }

    pub(crate) fn says(&self, what: String) {
        self.progress.set_message(what);
        self.progress.tick();
    }

    /// A store of each engine, filled with the same records for a purpose of a work's own.
    pub(crate) fn filled<I: Iterator<Item = SessionLog>>(
        &self,
        purpose: &str,
        logs: impl Fn() -> I,
    ) -> Result<Vec<Subject>> {
        let filled = self.kinds.iter().map(|kind| {
            self.says(format!("filling {} for {purpose}", kind.name));
            let folder = self.folder(purpose, kind);
            Subject::filled(kind, &folder, logs(), self.profile())
        });
        filled.collect()
    }

    /// The stores of this size that works share, filled and checked when first asked for.
    pub(crate) fn stores(&mut self) -> Result<&mut Vec<Subject>> {
        if self.stores.is_none() {
            let profile = self.profile();
            let stores = self.filled("shared", || profile.session_logs())?;
            self.says("checking that all answer the same".to_owned());
            check::all_cases(&stores, profile)?;
            self.stores = Some(stores);
        }
        self.stores.as_mut().ok_or_else(|| "no stores".into())
    }

    /// Measures a call on the shared stores.
    pub(crate) fn measure(
        &mut self,
        label: Label,
        call: impl FnMut(&mut Subject) -> Result<Duration>,
    ) -> Result<Vec<Figure>> {
        let (budget, progress) = (self.budget, self.progress.clone());
        measure_on(self.stores()?, budget, &progress, label, call)
    }

    /// Measures a call that writes on the shared stores, which must then have all of it.
    pub(crate) fn measure_writes(
        &mut self,
        label: Label,
        call: impl FnMut(&mut Subject) -> Result<Duration>,
    ) -> Result<Vec<Figure>> {
        let figures = self.measure(label, call)?;
        self.stores()?.iter().try_for_each(Subject::check_total)?;
        Ok(figures)
    }

    /// Measures one shared store after the other, each with the machine to itself, and what it then
    /// has must be all that was stored.
    pub(crate) fn each(
        &mut self,
        mut measure: impl FnMut(&mut Subject) -> Result<Vec<Figure>>,
    ) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        let progress = self.progress.clone();
        progress.inc(1);
        for subject in self.stores()? {
            progress.set_message(subject.kind.name);
            figures.extend(measure(subject)?);
            subject.check_total()?;
        }
        Ok(figures)
    }
}

/// Measures a call on any subjects.
pub(crate) fn measure_on<S: OfEngine>(
    subjects: &mut [S],
    budget: Duration,
    progress: &ProgressBar,
    label: Label,
    call: impl FnMut(&mut S) -> Result<Duration>,
) -> Result<Vec<Figure>> {
    let parts = [label.filter.as_deref(), label.page];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    progress.set_message(format!("{} {}", label.work, parts.join(" ")));
    progress.inc(1);
    let samples = measure::in_turn(budget, subjects, call)?;
    let pairs = subjects.iter().zip(samples);
    let figure = |(one, samples): (&S, _)| Figure::of_samples(one.engine(), label.clone(), samples);
    Ok(pairs.map(figure).collect())
}
