//! The busiest users and clients by the counts that are kept, beside reading every session: medians of
//! pairs measured in turn.
//!
//! `cargo bench --features generate --bench census` measures 100,000 and 1,000,000 sessions;
//! `SESSIONLOG_BENCH_SESSIONS=10000000` names another size.
#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench, with a part of what benches share"
)]

mod data;

use sessionlog::{Query, Store};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many are asked for.
const COUNT: usize = 20;

const PAIRS: usize = 5;

fn main() {
    println!("  sessions  what        members  kept ms  read ms  ratio");
    for sessions in sizes() {
        let store = data::store(data::profile(sessions));
        let all = Query::all();
        let users = store.busiest_users(&all, COUNT).unwrap();
        compare(sessions, "users", users.total_count, &store, || {
            drop(black_box(store.busiest_users(&all, COUNT).unwrap()));
        });
        let clients = store.busiest_clients(&all, COUNT).unwrap();
        compare(sessions, "clients", clients.total_count, &store, || {
            drop(black_box(store.busiest_clients(&all, COUNT).unwrap()));
        });
        let early = Query::builder().started_before(users.entries[0].last_session_start);
        let early = early.build().unwrap();
        compare(sessions, "in a span", users.total_count, &store, || {
            drop(black_box(store.busiest_users(&early, COUNT).unwrap()));
        });
    }
}

fn sizes() -> Vec<u64> {
    match std::env::var("SESSIONLOG_BENCH_SESSIONS") {
        Ok(sessions) => vec![sessions.parse().unwrap()],
        Err(_) => vec![100_000, 1_000_000],
    }
}

/// Counts by reading every session.
fn read(store: &Store) {
    let (mut users, mut clients) = (HashMap::new(), HashMap::new());
    for log in store.iter(&Query::all()).unwrap() {
        let log = log.unwrap();
        *users.entry(log.user_refer_uid).or_insert(0_u64) += 1;
        *clients.entry(log.client_refer_uid).or_insert(0_u64) += 1;
    }
    black_box((users, clients));
}

fn compare(sessions: u64, what: &str, members: u64, store: &Store, kept: impl Fn()) {
    let pairs: Vec<(f64, f64)> = (0..PAIRS)
        .map(|_| (millis(&kept), millis(|| read(store))))
        .collect();
    let of = |value: fn(&(f64, f64)) -> f64| median(pairs.iter().map(value).collect());
    let (kept, read) = (of(|pair| pair.0), of(|pair| pair.1));
    let ratio = of(|(kept, read)| read / kept);
    println!("{sessions:>10}  {what:<9}  {members:>8}  {kept:>7.1}  {read:>7.0}  {ratio:>5.0}");
}

fn millis(work: impl Fn()) -> f64 {
    let started = Instant::now();
    work();
    let took: Duration = started.elapsed();
    took.as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
