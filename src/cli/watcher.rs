//! An import as people see it: a bar, what is rejected, and how it ends.

use super::exit::{Failure, Stopped};
use super::input::Input;
use super::rejects::{Rejects, Unit};
use super::signals::Interrupt;
use super::{args, progress};
use crate::import::{ImportError, Observer, Rejection, SoFar, Summary};
use indicatif::ProgressBar;
use std::io;
use std::time::{Duration, Instant};

/// How long records that came may wait for others, where they come one by one.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows an import on a bar, and takes what is rejected.
pub(super) struct Watcher {
    bar: ProgressBar,
    /// Whether the bar counts bytes of an input that is all there; else records of one that comes.
    is_whole: bool,
    /// What the input is called.
    name: String,
    unit: Unit,
    rejects: Rejects,
    /// When all that had come was written.
    advanced: Instant,
    /// The place up to which that is so.
    place: u64,
    /// The place up to which an earlier import had come, and the last that was read.
    resume_after: u64,
    read_up_to: u64,
}

impl Watcher {
    pub(super) fn new(input: &Input, args: &args::Import, rejects: Rejects) -> Self {
        let unit = match args.format.text() {
            Some(_) => Unit::Line,
            None => Unit::Record,
        };
        Self {
            unit,
            place: args.resume_after,
            resume_after: args.resume_after,
            ..Self::of_lines(input, rejects)
        }
    }

    pub(super) fn of_lines(input: &Input, rejects: Rejects) -> Self {
        Self {
            bar: progress::of_input("importing", input.bytes),
            is_whole: input.bytes.is_some(),
            name: input.name.clone(),
            unit: Unit::Line,
            rejects,
            advanced: Instant::now(),
            place: 0,
            resume_after: 0,
            read_up_to: 0,
        }
    }

    /// What came of the import.
    pub(super) fn finish(
        self,
        summary: Result<Summary, ImportError>,
        interrupt: &Interrupt,
    ) -> Result<Summary, Failure> {
        self.bar.finish_and_clear();
        self.rejects.finish();
        let stopped = Stopped {
            name: self.name,
            // Login records are read from the first to the last: each can end a session before it.
            line: Some(self.place).filter(|line| *line > 0 && self.unit == Unit::Line),
        };
        match summary {
            Ok(_) if self.read_up_to < self.resume_after => {
                let (line, name) = (self.resume_after, stopped.name);
                let problem = format!("--resume-after {line}: {name} has no line {line}");
                Err(Failure::Usage(problem))
            }
            Ok(summary) => Ok(summary),
            Err(ImportError::Input(_) | ImportError::Destination(_)) if interrupt.has_come() => {
                Err(Failure::Interrupted(stopped))
            }
            Err(error) => Err(Failure::of_import(error, stopped, self.rejects.name())),
        }
    }
}

impl Observer for Watcher {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        let (rejects, name, unit) = (&mut self.rejects, &self.name, self.unit);
        self.bar.suspend(|| rejects.take(rejection, name, unit))
    }

    fn wants_text(&self) -> bool {
        self.rejects.are_kept()
    }

    fn read(&mut self, so_far: SoFar) -> bool {
        self.read_up_to = so_far.place;
        self.bar.set_position(match self.is_whole {
            true => so_far.bytes,
            false => so_far.records,
        });
        !self.is_whole && self.advanced.elapsed() > PATIENCE
    }

    fn advanced(&mut self, so_far: SoFar) -> io::Result<()> {
        self.rejects.flush()?;
        self.advanced = Instant::now();
        self.place = self.place.max(so_far.place);
        Ok(())
    }
}
