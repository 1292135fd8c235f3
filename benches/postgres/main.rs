//! Pages and ingest on PostgreSQL, beside `COUNT` and `OFFSET` on the same tables and the embedded store.
//!
//! `cargo bench --features generate,postgres --bench postgres` starts a server of its own (Debian's
//! `postgresql`), with the durability that is its default, on a million sessions;
//! `SESSIONLOG_BENCH_SESSIONS=5000000` names another size. Three tables: a page of 50 with its exact total
//! in milliseconds, the middle of pairs measured in turn; what counters of a user cost beside counting in
//! the index, by the user's sessions; and sessions a second that are written.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

#[path = "../../tests/support/cluster.rs"]
mod cluster;
#[path = "../data/mod.rs"]
mod data;
mod ingest;
mod offset;

use cluster::{Cluster, Options};
use data::profile;
use offset::Offset;
use sessionlog::postgres::{Address, Postgres, PostgresOptions, migrate};
use sessionlog::stores::{Embedded, SessionLogStore};
use sessionlog::{Order, Page, PageRequest, Query, QueryBuilder, SessionLog};
use std::time::{Duration, Instant};
use uuid::Uuid;

const PAGE: u32 = 50;

#[tokio::main]
async fn main() {
    let options = Options {
        fsync: true,
        settings: ["shared_buffers=2GB", "max_wal_size=8GB", "work_mem=64MB"]
            .map(str::to_owned)
            .to_vec(),
    };
    let Some(cluster) = Cluster::start(options) else {
        return;
    };
    let sessions = std::env::var("SESSIONLOG_BENCH_SESSIONS");
    let sessions = sessions.map_or(1_000_000, |text| text.parse().unwrap());
    let database = cluster.database();
    let url = cluster.url("postgres", &database);
    let address: Address = url.parse().unwrap();
    migrate(&address, false).await.unwrap();
    let bench = Bench {
        embedded: Embedded::new(data::store(profile(sessions))).unwrap(),
        counted: connect(&address, PostgresOptions::default().counted_from).await,
        offset: Offset::connect(&url).await,
    };
    let begun = Instant::now();
    bench
        .counted
        .copy_from(&bench.embedded, |_| ())
        .await
        .unwrap();
    println!("copied {sessions} sessions in {:.1?}", begun.elapsed());
    cluster
        .psql_at(cluster.address(), &database, &["VACUUM ANALYZE"])
        .unwrap();
    bench.pages(sessions).await;
    crossover(&cluster, sessions).await;
    ingest::table(&cluster).await;
}

async fn connect(address: &Address, counted_from: u64) -> Postgres {
    let options = PostgresOptions {
        counted_from,
        ..PostgresOptions::default()
    };
    Postgres::connect(address, options).await.unwrap()
}

struct Bench {
    embedded: Embedded,
    counted: Postgres,
    offset: Offset,
}

impl Bench {
    async fn pages(&self, sessions: u64) {
        println!("\nA page of {PAGE} and its total at {sessions} sessions, first/middle/last");
        println!(
            "{:24} {:>9}  {:>20}  {:>20}  {:>20}",
            "filter", "sessions", "embedded, µs", "PostgreSQL, ms", "COUNT+OFFSET, ms"
        );
        for case in data::cases(profile(sessions)) {
            let total = self.embedded.count(&case.query).await.unwrap();
            let last = u32::try_from(total.div_ceil(PAGE.into()).saturating_sub(1)).unwrap();
            let mut columns = [const { Vec::new() }; 3];
            for index in [0, last / 2, last] {
                let page = PageRequest::new(index, PAGE).unwrap();
                for (column, median) in columns.iter_mut().zip(self.paired(&case.query, page).await)
                {
                    column.push(median);
                }
            }
            let [embedded, counted, offset] = columns;
            println!(
                "{:24} {total:>9}  {:>20}  {:>20}  {:>20}",
                case.name,
                joined(&embedded, 1e6, 0),
                joined(&counted, 1e3, 1),
                joined(&offset, 1e3, 1)
            );
        }
    }

    /// The medians of a page by each, asked in turn.
    async fn paired(&self, query: &Query, page: PageRequest) -> [Duration; 3] {
        // The first time gives whoever has many sessions counters.
        let expected = self.embedded.page(query, page).await.unwrap();
        assert_eq!(self.counted.page(query, page).await.unwrap(), expected);
        assert_eq!(
            self.offset.page(query, page).await,
            (expected.total_record_count, ids(&expected))
        );
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..15 {
            let begun = Instant::now();
            self.embedded.page(query, page).await.unwrap();
            times[0].push(begun.elapsed());
            let begun = Instant::now();
            self.counted.page(query, page).await.unwrap();
            times[1].push(begun.elapsed());
            let begun = Instant::now();
            self.offset.page(query, page).await;
            times[2].push(begun.elapsed());
        }
        times.map(median)
    }
}

fn ids(page: &Page) -> Vec<Uuid> {
    page.entries.iter().map(|log| log.refer_uid).collect()
}

fn joined(medians: &[Duration], scale: f64, digits: usize) -> String {
    let texts = medians.iter();
    let texts: Vec<String> = texts
        .map(|time| format!("{:.digits$}", time.as_secs_f64() * scale))
        .collect();
    texts.join("/")
}

pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// How many sessions the users of the crossover have.
const USERS: [u128; 8] = [300, 1_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// A middle page of users with so many sessions, with counters and without.
async fn crossover(cluster: &Cluster, sessions: u64) {
    let url = cluster.url("postgres", &cluster.database());
    let address: Address = url.parse().unwrap();
    migrate(&address, false).await.unwrap();
    let (with, without) = (
        connect(&address, 1).await,
        connect(&address, u64::MAX).await,
    );
    let mut logs = profile(sessions.min(1_000_000)).session_logs();
    for (user, count) in USERS.iter().enumerate() {
        // As thinly spread in time as the others of a million.
        let logs = logs.by_ref().take(usize::try_from(*count).unwrap());
        let logs: Vec<SessionLog> = logs
            .map(|log| SessionLog {
                user_refer_uid: Uuid::from_u128(user as u128 + 1),
                ..log
            })
            .collect();
        without.append_batch(logs).await.unwrap();
    }
    cluster
        .psql_at(
            cluster.address(),
            url.rsplit('/').next().unwrap(),
            &["VACUUM ANALYZE"],
        )
        .unwrap();
    println!("\nA middle page of a user, ms");
    println!("{:>9} {:>9} {:>9}", "sessions", "counters", "index");
    for (user, count) in USERS.iter().enumerate() {
        let query = Query::builder().user_refer_uid(Uuid::from_u128(user as u128 + 1));
        let query = QueryBuilder::order(query, Order::OldestFirst)
            .build()
            .unwrap();
        let page = PageRequest::new(u32::try_from(count / 100).unwrap(), PAGE).unwrap();
        let expected = without.page(&query, page).await.unwrap();
        // Asked once, the user comes to have counters.
        assert_eq!(with.page(&query, page).await.unwrap(), expected);
        let key = format!(
            "SELECT count(*) FROM session_counted WHERE k = '\\x02' || uuid_send('{}')",
            Uuid::from_u128(user as u128 + 1)
        );
        cluster::until("a user has counters", || {
            let database = url.rsplit('/').next().unwrap();
            let answer = cluster.psql_at(cluster.address(), database, &[&key]);
            answer.is_ok_and(|answer| answer.trim() == "1")
        });
        let mut times = [const { Vec::new() }; 2];
        for _ in 0..31 {
            for (store, times) in [&with, &without].into_iter().zip(&mut times) {
                let begun = Instant::now();
                store.page(&query, page).await.unwrap();
                times.push(begun.elapsed());
            }
        }
        let [with, without] = times.map(median).map(|time| time.as_secs_f64() * 1e3);
        println!("{count:>9} {with:>9.2} {without:>9.2}");
    }
}
