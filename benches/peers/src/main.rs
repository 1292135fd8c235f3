//! Other embedded stores, each set up as well as it can be, asked what sessionlog is asked: the
//! same seeded session logs, the same pages and totals, the same durable writes.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- --help
//! ```
//!
//! A crate of its own, so that nobody who builds or tests sessionlog compiles its peers. An engine
//! is a module of `engines`, a work (a group of rows) a module of `works`. Linux only: memory,
//! writes and the machine are read from `/proc`.

mod args;
mod bench;
mod check;
mod child;
mod data;
mod engines;
mod figure;
mod machine;
mod measure;
mod packed;
mod question;
mod report;
mod scratch;
mod works;

use args::Args;
use bench::Bench;
use clap::Parser;
use engines::KINDS;
use figure::Figure;
use indicatif::{ProgressBar, ProgressStyle};
use scratch::Scratch;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use works::WORKS;

/// Any error: it ends the run, with its text.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.child {
        Some(child) => child::run(child),
        None => run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let scratch = Scratch::new()?;
    let machine = machine::describe(scratch.path());
    let figures = measure(args, &scratch)?;
    let engines: Vec<&'static str> = wanted(args).map(|kind| kind.name).collect();
    report::table::print(&machine, &engines, &figures)?;
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?;
    }
    if let Some(folder) = &args.charts {
        report::charts::write(folder, &engines, &figures)?;
    }
    Ok(())
}

fn wanted(args: &Args) -> impl Iterator<Item = &'static engines::Kind> + use<'_> {
    KINDS.iter().filter(|kind| args.wants_engine(kind.name))
}

fn measure(args: &Args, scratch: &Scratch) -> Result<Vec<Figure>> {
    let progress = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{elapsed} row {pos}: {wide_msg}")?;
    progress.set_style(style);
    let budget = Duration::from_millis(args.budget);
    let folder = scratch.path().to_owned();
    let mut bench = Bench::new(wanted(args).collect(), budget, progress, folder);
    let mut figures = Vec::new();
    for sessions in &args.sessions {
        bench.sessions = *sessions;
        for work in WORKS.iter().filter(|work| args.wants_work(work.name)) {
            if !work.shares {
                bench.clear()?;
            }
            figures.extend((work.run)(&mut bench)?);
        }
        bench.clear()?;
    }
    bench.progress.finish_and_clear();
    Ok(figures)
}
