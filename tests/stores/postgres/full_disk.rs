//! A disk of the server that is full.

use super::{address, assert_sound, options, walked};
use crate::cluster::{Cluster, Options};
use crate::records::{hour, log, of};
use sessionlog::postgres::{Postgres, migrate};
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, SessionLog};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A small disk of its own, for as long as it is used.
struct Disk(TempDir);

impl Disk {
    /// None where such a disk cannot be made, which is said.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64m,mode=0777", "tmpfs"]);
        let mounted = mount.arg(folder.path()).stderr(Stdio::null()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            let said = "NOT TRIED: a full disk: none can be mounted here\n";
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            let is_demanded =
                std::env::var("SESSIONLOG_POSTGRES_TESTS").is_ok_and(|text| text == "1");
            assert!(!is_demanded, "no disk can be mounted, which is demanded");
            return None;
        }
        Some(Self(folder))
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut file = File::create(self.0.path().join("ballast")).unwrap();
        while file.write_all(&[0; 4_096]).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.0.path().join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Records that take much room.
fn records(from: u128) -> Vec<SessionLog> {
    let name = "x".repeat(200);
    let one = |number| of(7, &name, log(number, hour(1), None));
    (from..from + 1_000).map(one).collect()
}

#[tokio::test]
async fn on_a_full_disk_a_call_is_refused_as_a_whole_and_goes_on_once_there_is_room() {
    let Some(cluster) = Cluster::start(Options::default()) else {
        return;
    };
    let Some(disk) = Disk::mount() else { return };
    let folder = disk.0.path().join("tables");
    fs::create_dir(&folder).unwrap();
    let owner = fs::metadata(cluster.psql("SHOW data_directory")).unwrap();
    chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    cluster.psql(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        folder.display()
    ));
    cluster.psql("CREATE DATABASE logs TABLESPACE small");
    let at = address(cluster.address(), "logs");
    migrate(&at, false).await.unwrap();
    let store = Postgres::connect(&at, options()).await.unwrap();
    store.append_batch(records(1)).await.unwrap();
    disk.fill();
    let mut there = 1_000;
    // Some may fit in pages that are there.
    let error = loop {
        match store.append_batch(records(1 + there)).await {
            Ok(_) => there += 1_000,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().contains("No space left on device"),
        "{error}"
    );
    assert_eq!(walked(&store).await.len() as u128, there);
    assert_sound(&store).await;
    disk.clear();
    store.append_batch(records(1 + there)).await.unwrap();
    assert_eq!(walked(&store).await.len() as u128, there + 1_000);
    assert_sound(&store).await;
    drop((store, cluster));
}
