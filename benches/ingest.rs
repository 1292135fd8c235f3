//! Writing: batches of several sizes, single durable commits, and ends.
//!
//! `cargo bench --features generate --bench ingest`
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, dead_code)]

mod data;

use criterion::{BatchSize, Criterion, Throughput};
use sessionlog::{Durability, SessionLog, Store};
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    batches(&mut criterion);
    ends(&mut criterion);
    criterion.final_summary();
}

/// Appends to a store of 100,000 sessions that grows as the bench goes on.
fn batches(criterion: &mut Criterion) {
    let profile = data::profile(100_000);
    for (name, durability) in [
        ("immediate", Durability::Immediate),
        ("eventual", Durability::Eventual),
    ] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let options = Store::options().durability(durability);
        let store = options.create(folder.path().join("store")).unwrap();
        data::fill(&store, profile);
        let endless = sessionlog::generate::Profile {
            sessions: u64::from(u32::MAX),
            seed: 2,
            ..profile
        };
        let mut logs = endless.session_logs();
        let mut group = criterion.benchmark_group(format!("append/{name}"));
        for size in [1_usize, 100, 1_000, 10_000] {
            group.throughput(Throughput::Elements(size as u64));
            group.bench_function(size.to_string(), |bencher| {
                bencher.iter_batched(
                    || logs.by_ref().take(size).collect::<Vec<SessionLog>>(),
                    |batch| store.append_batch(batch).unwrap(),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

/// Ends open sessions, one durable commit each.
fn ends(criterion: &mut Criterion) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::create(folder.path().join("store")).unwrap();
    let open = data::profile(100_000).session_logs().map(|log| SessionLog {
        session_end: None,
        ..log
    });
    let open: Vec<SessionLog> = open.collect();
    store.append_batch(open.clone()).unwrap();
    let mut next = open.into_iter();
    criterion.bench_function("end/immediate", |bencher| {
        bencher.iter_batched(
            || next.next().unwrap(),
            |log| store.end(log.refer_uid, log.session_start).unwrap(),
            BatchSize::PerIteration,
        );
    });
}
