//! Behind a pooler that gives each transaction another connection.

use super::concurrency::{busy, busy_options};
use super::{cancelling, connect, migrated};
use crate::cluster::{Cluster, shared, until};
use sessionlog::postgres::PostgresOptions;
use sessionlog::stores::SessionLogStore;
use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// A pooler in front of the cluster that all tests share.
#[derive(Debug)]
pub struct Pooler {
    _folder: TempDir,
    address: SocketAddr,
    /// It ends with its input, which is open as long as this process lives.
    _keeper: Child,
}

const KEEPER: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null >/dev/null 2>&1 &
read -r _ <&3
kill -9 $!
"#;

/// None if there is no PostgreSQL or no pooler here.
pub fn pooler() -> Option<&'static Pooler> {
    static POOLER: OnceLock<Option<Pooler>> = OnceLock::new();
    let cluster = shared()?;
    POOLER.get_or_init(|| Pooler::start(cluster)).as_ref()
}

fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
    let found = found.into_iter().find(|path| Path::new(path).exists());
    if found.is_none() {
        let is_demanded = std::env::var("SESSIONLOG_POSTGRES_TESTS").is_ok_and(|text| text == "1");
        assert!(!is_demanded, "there is no pgbouncer, which is demanded");
        let said = "NOT TRIED: a pooler: there is no pgbouncer here\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
    }
    found.map(PathBuf::from)
}

impl Pooler {
    fn start(cluster: &Cluster) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = any.local_addr().unwrap();
        drop(any);
        let users = folder.path().join("users");
        fs::write(&users, "\"postgres\" \"\"\n").unwrap();
        let settings = folder.path().join("settings");
        let (to, port, users) = (cluster.address().port(), address.port(), users.display());
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\n\
             pool_mode = transaction\ndefault_pool_size = 3\nserver_idle_timeout = 2\n\
             max_client_conn = 500\n"
        );
        fs::write(&settings, text).unwrap();
        let mut keeper = cluster.program("/bin/sh");
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(program)
            .arg(settings);
        keeper.stdin(Stdio::piped()).process_group(0);
        let keeper = keeper.stderr(Stdio::null()).spawn().unwrap();
        until("the pooler", || TcpStream::connect(address).is_ok());
        Some(Self {
            _folder: folder,
            address,
            _keeper: keeper,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn totals_are_exact_and_nothing_is_lost_behind_a_pooler() {
    let Some((pooler, cluster)) = pooler().zip(shared()) else {
        return;
    };
    let database = migrated(cluster).await;
    let one = connect(pooler.address(), &database, busy_options()).await;
    let other = connect(pooler.address(), &database, busy_options()).await;
    busy([one, other], Duration::from_secs(2)).await;
}

#[tokio::test]
async fn what_is_dropped_behind_a_pooler_leaves_no_transaction_open() {
    let Some((pooler, cluster)) = pooler().zip(shared()) else {
        return;
    };
    let database = migrated(cluster).await;
    let options = PostgresOptions {
        connections_max: 1,
        ..super::options()
    };
    let store = connect(pooler.address(), &database, options).await;
    for times in 0..8 {
        cancelling::drop_all(&store, times).await;
        store.stats().await.unwrap();
    }
    cancelling::no_transaction_is_open(cluster, &database).await;
    super::assert_sound(&store).await;
}
