//! Sessions a second that are written, by the size of batches and how many write at once.

use crate::cluster::Cluster;
use crate::data::profile;
use sessionlog::SessionLog;
use sessionlog::postgres::{Address, Postgres, PostgresOptions, migrate};
use sessionlog::stores::SessionLogStore;
use std::time::Instant;

/// Writes into a database of its own.
pub(crate) async fn table(cluster: &Cluster) {
    let address: Address = cluster
        .url("postgres", &cluster.database())
        .parse()
        .unwrap();
    migrate(&address, false).await.unwrap();
    let store = Postgres::connect(&address, PostgresOptions::default())
        .await
        .unwrap();
    let mut logs = profile(1_000_000).session_logs();
    println!("\nSessions written a second, each durable");
    println!("{:>9} {:>9} {:>9}", "batch", "writers", "sessions/s");
    for (batch, writers, sessions) in [
        (1, 1, 1_000),
        (1, 4, 4_000),
        (1, 64, 20_000),
        (100, 1, 20_000),
        (100, 4, 40_000),
        (1_000, 1, 100_000),
        (1_000, 4, 200_000),
        (10_000, 1, 200_000),
    ] {
        let logs: Vec<SessionLog> = logs.by_ref().take(sessions).collect();
        let begun = Instant::now();
        let parts = logs.chunks(sessions / writers).map(<[SessionLog]>::to_vec);
        let tasks = parts.map(|part| tokio::spawn(write(store.clone(), part, batch)));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let rate = sessions as f64 / begun.elapsed().as_secs_f64();
        println!("{batch:>9} {writers:>9} {rate:>9.0}");
    }
}

async fn write(store: Postgres, logs: Vec<SessionLog>, batch: usize) {
    for part in logs.chunks(batch) {
        match part {
            [log] => drop(store.append(log.clone()).await.unwrap()),
            part => drop(store.append_batch(part.to_vec()).await.unwrap()),
        }
    }
}
