//! Records on their way to their destination, and what became of them.

use crate::SessionLog;
use crate::import::{Destination, ImportError, Observer, Placed, Rejection, Summary};
use std::fmt::Display;

/// Collects records and rejections, and settles them together.
pub(super) struct Batch<'a> {
    destination: &'a mut dyn Destination,
    observer: &'a mut dyn Observer,
    /// Records that are written at a time.
    at_once: usize,
    records: Vec<Placed>,
    rejections: Vec<Rejection>,
    /// Records of input dealt with, now and at the last settlement.
    dealt: u64,
    settled: u64,
    summary: Summary,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        destination: &'a mut dyn Destination,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self {
            at_once: destination.records_at_once().max(1),
            destination,
            observer,
            records: Vec::new(),
            rejections: Vec::new(),
            dealt: 0,
            settled: 0,
            summary: Summary::default(),
        }
    }

    pub(super) fn push(&mut self, place: u64, log: SessionLog) {
        self.records.push(Placed { place, log });
    }

    pub(super) fn reject(&mut self, place: u64, reason: &impl Display) {
        self.rejections.push(Rejection::new(place, reason));
    }

    /// One more record of the input is dealt with, of which `bytes` have been read so far.
    pub(super) fn dealt(&mut self, bytes: u64) -> Result<(), ImportError> {
        self.dealt += 1;
        let is_due = self.dealt - self.settled >= self.at_once as u64;
        if is_due || self.records.len() >= self.at_once {
            self.settle(bytes)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, bytes: u64) -> Result<Summary, ImportError> {
        self.settle(bytes)?;
        Ok(self.summary)
    }

    /// Writes what was collected, and reports what was not taken.
    fn settle(&mut self, bytes: u64) -> Result<(), ImportError> {
        let mut records = std::mem::take(&mut self.records).into_iter();
        // One record of the input can end any number of sessions.
        while records.len() > 0 {
            let chunk = records.by_ref().take(self.at_once).collect();
            let written = self.destination.write(chunk)?;
            self.summary.accepted += written.accepted;
            self.summary.already_there += written.already_there;
            self.summary.ended += written.ended;
            self.rejections.extend(written.rejections);
        }
        self.report();
        self.settled = self.dealt;
        self.observer.advanced(bytes, self.dealt);
        Ok(())
    }

    fn report(&mut self) {
        self.rejections.sort_by_key(|rejection| rejection.place);
        for rejection in self.rejections.drain(..) {
            self.summary.rejected += 1;
            self.observer.rejected(&rejection);
        }
    }
}
