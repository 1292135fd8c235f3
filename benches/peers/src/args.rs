//! The command line.

use crate::child::Child;
use crate::engines::KINDS;
use crate::works::WORKS;
use clap::builder::PossibleValuesParser;
use clap::{Parser, value_parser};
use std::path::PathBuf;

/// The name of the works that write what arrives, together.
pub(crate) const INGEST: &str = "ingest";
/// The works that it stands for.
pub(crate) const INGEST_WORKS: [&str; 3] = ["commits", "batches", "sustained"];

/// Asks sessionlog and other embedded stores the same questions about the same session logs.
///
/// `ours` and `floor` (sorted vectors in memory) always take part: every figure is read beside
/// theirs. All engines must give the same answers before any is timed. Files go to the system's
/// folder for temporary files (TMPDIR names another), which should be on a real disk; a million
/// sessions take 5 GB there, and go when the run ends or is interrupted.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Sessions in the store; may be given several times, each is measured
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "100000",
        value_parser = value_parser!(u64).range(100..))]
    pub(crate) sessions: Vec<u64>,

    /// The engines besides ours and floor [default: all]
    #[arg(long, value_name = "ENGINES", value_delimiter = ',', value_parser = engines())]
    pub(crate) engines: Vec<String>,

    /// What to measure; `ingest` is commits, batches and sustained [default: all]
    #[arg(long, value_name = "WORKS", value_delimiter = ',', value_parser = works())]
    pub(crate) work: Vec<String>,

    /// Milliseconds that each engine may spend on each row
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pub(crate) budget: u64,

    /// Writes all rows to this file, as one JSON array
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Writes charts to this folder, as SVG
    #[arg(long, value_name = "DIR")]
    pub(crate) charts: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) child: Option<Child>,
}

impl Args {
    pub(crate) fn wants_engine(&self, name: &str) -> bool {
        let always = ["ours", "floor"].contains(&name);
        always || self.engines.is_empty() || self.engines.iter().any(|wanted| wanted == name)
    }

    pub(crate) fn wants_work(&self, name: &str) -> bool {
        let matches =
            |wanted: &String| wanted == name || wanted == INGEST && INGEST_WORKS.contains(&name);
        self.work.is_empty() || self.work.iter().any(matches)
    }
}

fn engines() -> PossibleValuesParser {
    PossibleValuesParser::new(KINDS.iter().map(|kind| kind.name))
}

fn works() -> PossibleValuesParser {
    let names = WORKS.iter().map(|work| work.name);
    PossibleValuesParser::new(names.chain([INGEST]))
}
