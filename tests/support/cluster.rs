//! Real servers of PostgreSQL for tests: made in a moment, killed, restarted, doubled, and gone with
//! the test that made them, however it ends.

mod machine;

use machine::{Owner, children_of, is_alive, owner, programs};
use std::fs;
use std::io::Error;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// After this long something that is waited for is not coming.
const PATIENCE: Duration = Duration::from_secs(60);

/// The application name of a standby, by which its primary knows it.
const STANDBY: &str = "standby";

/// Runs a server for as long as the pipe that is its input is open, whichever process dies of what:
/// then the server is stopped at once, and its folder, the first argument, is removed.
const KEEPER: &str = r#"
folder=$1; shift
exec 3<&0
"$@" 3<&- </dev/null >>"$folder/log" 2>&1 &
server=$!
{ read -r _ <&3; : >"$folder/over"; kill -QUIT $server; } 2>/dev/null &
watch=$!
wait $server
if [ -e "$folder/over" ]; then rm -rf "$folder"; else kill $watch; fi 2>/dev/null
"#;

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether what is committed survives a loss of power, which takes longer.
    pub fsync: bool,
    /// More settings, each as `name=value`.
    pub settings: Vec<String>,
}

/// A server, and the folder that has all of its files.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    owner: Option<Owner>,
    options: Options,
    port: u16,
    /// None once it was killed.
    keeper: Option<Child>,
    databases: AtomicU32,
}

/// The cluster that the tests of this process share, each in a database of its own; none if there is
/// no PostgreSQL here. It ends with the process.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED
        .get_or_init(|| Cluster::start(Options::default()))
        .as_ref()
}

/// Asks again and again, until it is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come to be");
        thread::sleep(Duration::from_millis(10));
    }
}

impl Cluster {
    /// A new cluster, which is running; none if there is no PostgreSQL here.
    pub fn start(options: Options) -> Option<Self> {
        let mut cluster = Self::empty(programs()?, options);
        let made = [
            "-A",
            "trust",
            "-N",
            "--no-instructions",
            "-E",
            "UTF8",
            "--locale=C",
        ];
        let data = cluster.data();
        let mut initdb = cluster.program("initdb");
        initdb.args(made).args(["-U", "postgres", "-D"]).arg(data);
        answer_of(initdb).unwrap();
        cluster.launch();
        Some(cluster)
    }

    fn empty(programs: PathBuf, options: Options) -> Self {
        // The name of a socket may have a hundred bytes, and everyone may come to it.
        let folder = tempfile::Builder::new()
            .prefix("sessionlog-pg-")
            .tempdir_in("/tmp")
            .unwrap();
        let owner = owner(folder.path());
        if let Some(Owner { uid, gid }) = owner {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Self {
            folder,
            programs,
            owner,
            options,
            port: 0,
            keeper: None,
            databases: AtomicU32::new(0),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs as the owner of the files, with nothing of the environment.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/bin:/bin");
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(Owner { uid, gid }) = self.owner {
            command.gid(gid).uid(uid);
        }
        command
    }

    /// A program of PostgreSQL, not yet run.
    pub fn program(&self, name: &str) -> Command {
        self.command(self.programs.join(name))
    }

    /// Starts the server, the first time on any port that is free.
    fn launch(&mut self) {
        let is_first = self.port == 0;
        for _ in 0..20 {
            if is_first {
                let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                self.port = any.local_addr().unwrap().port();
            }
            self.keeper = Some(self.keep());
            if self.is_ready() {
                return;
            }
            // Somebody else took the port, or what was killed is not all gone yet.
        }
        panic!("the server does not start:\n{}", self.log());
    }

    fn keep(&self) -> Child {
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={}", self.folder.path().display()),
            format!("port={}", self.port),
            format!("fsync={}", self.options.fsync),
            "max_connections=200".to_owned(),
            "shared_buffers=32MB".to_owned(),
        ];
        settings.extend(self.options.settings.clone());
        let mut keeper = self.command("/bin/sh");
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(self.folder.path());
        keeper
            .arg(self.programs.join("postgres"))
            .arg("-D")
            .arg(self.data());
        for setting in settings {
            keeper.arg("-c").arg(setting);
        }
        // What interrupts the tests is no business of the keeper, which notices their end.
        keeper.stdin(Stdio::piped()).process_group(0);
        keeper
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Whether the server has come to take connections, rather than ended.
    fn is_ready(&mut self) -> bool {
        let keeper = self.keeper.as_mut().unwrap();
        let (state, mut is_ready) = (self.folder.path().join("data/postmaster.pid"), false);
        until("the server", || {
            let text = fs::read_to_string(&state).unwrap_or_default();
            is_ready = text
                .lines()
                .nth(7)
                .is_some_and(|state| state.trim() == "ready");
            is_ready || keeper.try_wait().unwrap().is_some()
        });
        is_ready
    }

    /// What the server has told of itself.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Where a database of it is found.
    pub fn url(&self, user: &str, database: &str) -> String {
        url(self.address(), user, database)
    }

    /// A new database, and its name.
    pub fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.psql(&format!("CREATE DATABASE {name}"));
        name
    }

    /// The answer of the server to a superuser, a row to a line.
    ///
    /// # Panics
    ///
    /// If that is an error.
    pub fn psql(&self, sql: &str) -> String {
        self.psql_at(self.address(), "postgres", &[sql]).unwrap()
    }

    /// The answers to all of these, one after the other in one session, in a database that is reached
    /// by this address.
    ///
    /// # Errors
    ///
    /// What the program says if it fails.
    pub fn psql_at(&self, to: SocketAddr, database: &str, sql: &[&str]) -> Result<String, Error> {
        let mut psql = self.program("psql");
        psql.args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]);
        psql.arg(url(to, "postgres", database));
        psql.args(sql.iter().flat_map(|sql| ["-c", sql]));
        answer_of(psql)
    }

    /// Kills every process of the server in the same moment, as a crash of the machine does, but that
    /// what was written is still with the operating system.
    pub fn kill9(&mut self) {
        let state = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&state).unwrap();
        let main: u32 = text.lines().next().unwrap().trim().parse().unwrap();
        // The main process first: it would take the death of another for a crash and start anew.
        let mut processes = vec![main];
        processes.extend(children_of(main));
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", "kill -9 \"$@\"", "kill"]);
        kill.args(processes.iter().map(u32::to_string));
        // Some may be gone already.
        let _ = kill.stderr(Stdio::null()).status().unwrap();
        let mut keeper = self.keeper.take().unwrap();
        // Its input stays open until it has ended: else it would take the folder with it.
        let input = keeper.stdin.take();
        keeper.wait().unwrap();
        drop(input);
        until("the end of all processes", || {
            !processes.iter().any(|pid| is_alive(*pid))
        });
        fs::remove_file(state).unwrap();
    }

    /// Starts what was killed, on the same port.
    pub fn restart(&mut self) {
        assert!(self.keeper.is_none(), "the server is running");
        self.launch();
    }

    /// A copy of the cluster that follows it. From now on a commit of this one waits until that one
    /// has it too: until it is told [otherwise](Self::forget_standby).
    pub fn standby(&self) -> Self {
        let mut standby = Self::empty(self.programs.clone(), self.options.clone());
        let port = self.port;
        let from = format!("host=127.0.0.1 port={port} user=postgres application_name={STANDBY}");
        let mut copy = standby.program("pg_basebackup");
        copy.args(["-c", "fast", "-R", "-d", &from, "-D"])
            .arg(standby.data());
        answer_of(copy).unwrap();
        standby.launch();
        let state = |member: &str| {
            let from = format!("FROM pg_stat_replication WHERE application_name = '{STANDBY}'");
            self.psql(&format!("SELECT {member} {from}"))
        };
        until("the stream to the standby", || {
            state("state") == "streaming"
        });
        self.wait_for(STANDBY);
        until("the synchronous standby", || state("sync_state") == "sync");
        standby
    }

    /// Commits wait for no standby any more.
    pub fn forget_standby(&self) {
        self.wait_for("");
    }

    fn wait_for(&self, standby: &str) {
        self.psql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{standby}'"
        ));
        self.psql("SELECT pg_reload_conf()");
    }

    /// Makes a standby a server of its own.
    pub fn promote(&self) {
        assert_eq!(
            self.psql("SELECT pg_promote(true, 60)"),
            "t",
            "{}",
            self.log()
        );
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            // The keeper takes the end of its input for the end of the tests.
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// Where a database is found that is reached by this address.
pub fn url(to: SocketAddr, user: &str, database: &str) -> String {
    format!("postgresql://{user}@{to}/{database}")
}

/// What a program prints.
///
/// # Errors
///
/// What it says if it fails.
pub fn answer_of(mut program: Command) -> Result<String, Error> {
    let output = program.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::other(format!("{program:?}: {said}")));
    }
    let text = String::from_utf8(output.stdout).map_err(Error::other)?;
    Ok(text.trim_end().to_owned())
}
