//! What was measured: the rows of the table and of the JSON file.

use crate::measure::Samples;
use serde::Serialize;

/// What a row measures, whatever the engine; members that do not apply are `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Label {
    pub(crate) work: &'static str,
    pub(crate) filter: Option<String>,
    pub(crate) page: Option<&'static str>,
    /// In the store before the work begins.
    pub(crate) sessions: u64,
    /// Sessions in a commit.
    pub(crate) batch: Option<usize>,
    pub(crate) threads: Option<usize>,
    /// Of `median` and `p99`.
    pub(crate) unit: &'static str,
}

impl Label {
    /// A label in microseconds.
    pub(crate) fn new(work: &'static str, sessions: u64) -> Self {
        Self {
            work,
            filter: None,
            page: None,
            sessions,
            batch: None,
            threads: None,
            unit: "µs",
        }
    }

    pub(crate) fn page(self, filter: &str, page: &'static str) -> Self {
        Self {
            filter: Some(filter.to_owned()),
            page: Some(page),
            ..self
        }
    }

    pub(crate) fn batch(self, batch: usize) -> Self {
        Self {
            batch: Some(batch),
            ..self
        }
    }

    pub(crate) fn threads(self, threads: usize) -> Self {
        Self {
            threads: Some(threads),
            ..self
        }
    }

    pub(crate) fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }
}

/// One engine's row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) engine: &'static str,
    #[serde(flatten)]
    pub(crate) label: Label,
    pub(crate) median: f64,
    /// `None` for what is the same each time.
    pub(crate) p99: Option<f64>,
}

impl Figure {
    /// The figure of samples in microseconds.
    pub(crate) fn of_samples(engine: &'static str, label: Label, mut samples: Samples) -> Self {
        Self {
            engine,
            label,
            median: samples.median(),
            p99: Some(samples.p99()),
        }
    }

    /// A figure that was taken once.
    pub(crate) fn once(engine: &'static str, label: Label, value: f64) -> Self {
        Self {
            engine,
            label,
            median: value,
            p99: None,
        }
    }
}
