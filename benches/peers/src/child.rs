//! Child processes of the same binary: to be killed, or to have memory and writes of their own.

use crate::bench::{self, FILL_BATCH};
use crate::data;
use crate::engines::{KINDS, Kind, Settings};
use crate::{Result, machine, question};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Records of a commit of a child that is to be killed.
const WRITE_BATCH: usize = 100;
/// Commits that it has made when it says that it is ready.
const COMMITS_TILL_READY: usize = 10;
/// Sessions that must have survived the kill.
pub(crate) const SESSIONS_TILL_READY: u64 = (WRITE_BATCH * COMMITS_TILL_READY) as u64;

/// What a child does; not for the command line of people.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub(crate) enum Child {
    /// Stores some records, and tells how much it wrote
    #[command(hide = true)]
    Fill {
        #[command(flatten)]
        store: StoreArgs,
        /// How many
        #[arg(long)]
        count: usize,
        /// How many in a commit
        #[arg(long)]
        batch: usize,
        /// From this month on
        #[arg(long)]
        month: u32,
    },
    /// Answers every question, and tells how much memory it has then
    #[command(hide = true)]
    Read {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Stores records until it is killed
    #[command(hide = true)]
    Write {
        #[command(flatten)]
        store: StoreArgs,
        /// From this month on
        #[arg(long)]
        month: u32,
    },
}

/// The store that a child works on.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// The engine
    #[arg(long)]
    engine: String,
    /// The folder
    #[arg(long)]
    folder: PathBuf,
    /// The size of the profile
    #[arg(long)]
    sessions: u64,
}

/// What a child tells about itself.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Bytes of memory that belong to it.
    pub(crate) resident: u64,
    /// Those of them that are pages of files, which the system can take back.
    pub(crate) of_files: u64,
    /// Bytes that it caused to be written to storage.
    pub(crate) written: u64,
}

impl StoreArgs {
    fn kind(&self) -> Result<&'static Kind> {
        let kind = KINDS.iter().find(|kind| kind.name == self.engine);
        kind.ok_or_else(|| format!("no engine {}", self.engine).into())
    }
}

/// Does a child's work, in the child.
pub(crate) fn run(child: &Child) -> Result<()> {
    match child {
        Child::Fill {
            store,
            count,
            batch,
            month,
        } => fill(store, *count, *batch, *month),
        Child::Read { store } => read(store),
        Child::Write { store, month } => write(store, *month),
    }
}

fn fill(store: &StoreArgs, count: usize, batch: usize, month: u32) -> Result<()> {
    let engine = store.kind()?.open(&store.folder, Settings::default())?;
    let logs = data::arrivals(data::profile(store.sessions), month);
    bench::fill(&*engine, logs.take(count), batch)?;
    drop(engine);
    tell()
}

fn read(store: &StoreArgs) -> Result<()> {
    let (kind, profile) = (store.kind()?, data::profile(store.sessions));
    let engine = kind.open(&store.folder, Settings::default())?;
    if !kind.on_disk {
        bench::fill(&*engine, profile.session_logs(), FILL_BATCH)?;
    }
    for case in question::cases(profile)? {
        for (_, question) in question::places(&case.query, &*engine)? {
            engine.page(&question)?;
        }
    }
    tell()
}

fn write(store: &StoreArgs, month: u32) -> Result<()> {
    std::thread::spawn(|| {
        // The parent keeps the other end open as long as it lives: no child outlives it.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let engine = store.kind()?.open(&store.folder, Settings::default())?;
    let mut logs = data::arrivals(data::profile(store.sessions), month);
    for commit in 1.. {
        engine.append(logs.by_ref().take(WRITE_BATCH).collect())?;
        if commit == COMMITS_TILL_READY {
            writeln!(std::io::stdout(), "ready")?;
        }
    }
    Ok(())
}

fn tell() -> Result<()> {
    let (resident, of_files) = machine::resident_and_of_files()?;
    let told = Told {
        resident,
        of_files,
        written: machine::bytes_written()?,
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&told)?)?;
    Ok(())
}

/// A command line for a child, put together in the parent.
pub(crate) struct Call<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) folder: &'a Path,
    pub(crate) sessions: u64,
}

impl Call<'_> {
    /// Lets a child answer every question.
    pub(crate) fn read(&self) -> Result<Told> {
        told(self.to(&mut Command::new(std::env::current_exe()?), "read"))
    }

    /// Lets a child store records, below `command` if that runs another.
    pub(crate) fn fill(
        &self,
        command: Option<Command>,
        count: u64,
        batch: usize,
        month: u32,
    ) -> Result<Told> {
        let binary = std::env::current_exe()?;
        let mut command = match command {
            Some(mut command) => {
                command.arg(binary);
                command
            }
            None => Command::new(binary),
        };
        let command = self.to(&mut command, "fill");
        let command = command.args(["--count", &count.to_string()]);
        let command = command.args(["--batch", &batch.to_string()]);
        told(command.args(["--month", &month.to_string()]))
    }

    /// Lets a child write, and kills it while it does.
    pub(crate) fn write_and_kill(&self, month: u32) -> Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = self.to(&mut command, "write");
        let command = command.args(["--month", &month.to_string()]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        child.kill()?;
        child.wait()?;
        match line.trim() {
            "ready" => Ok(()),
            _ => Err(format!("{}: the child that writes failed", self.kind.name).into()),
        }
    }

    fn to<'c>(&self, command: &'c mut Command, verb: &str) -> &'c mut Command {
        let command = command.arg(verb).args(["--engine", self.kind.name]);
        let command = command.arg("--folder").arg(self.folder);
        command.args(["--sessions", &self.sessions.to_string()])
    }
}

fn told(command: &mut Command) -> Result<Told> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("a child failed: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
