//! A page of 50 with its exact total: every combination of filters, first, middle and last page,
//! beside a sorted `Vec` in memory that answers the same (the floor).
//!
//! `cargo bench --features generate --bench paging` measures 100,000 and 1,000,000 sessions;
//! `SESSIONLOG_BENCH_SESSIONS=10000000` names another size; with `SESSIONLOG_BENCH_DELTA=1` 60,000
//! more sessions wait to be merged. After criterion's own report comes a table of ratios to the
//! floor, each the median of pairs measured in turn; with `SESSIONLOG_BENCH_RATIOS_ONLY=1` there is
//! only that.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod data;

use criterion::{BenchmarkId, Criterion};
use data::{Case, Floor, Records};
use sessionlog::{PageRequest, Store};
use std::hint::black_box;
use std::time::{Duration, Instant};

const PAGE: u32 = 50;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    let mut ratios = Vec::new();
    for sessions in sizes() {
        let profile = data::profile(sessions);
        let logs = profile.session_logs();
        let (store, records) = match std::env::var_os("SESSIONLOG_BENCH_DELTA") {
            None => (data::store(profile), Records::new(logs)),
            Some(_) => {
                let records = Records::new(logs.chain(data::late(profile)));
                (data::store_with_delta(profile), records)
            }
        };
        for case in data::cases(profile) {
            let floor = Floor::new(&records, &case.query);
            for (place, page) in places(&store, &case) {
                let one = Subject {
                    store: &store,
                    floor: &floor,
                    case: &case,
                    page,
                };
                assert_eq!(one.page(), one.floor(), "{} {place}", case.name);
                if std::env::var_os("SESSIONLOG_BENCH_RATIOS_ONLY").is_none() {
                    one.bench(&mut criterion, sessions, place);
                }
                ratios.push((
                    sessions,
                    case.name.clone(),
                    place,
                    one.page().entries.len(),
                    one.paired(),
                ));
            }
        }
    }
    criterion.final_summary();
    print_ratios(&ratios);
}

fn sizes() -> Vec<u64> {
    match std::env::var("SESSIONLOG_BENCH_SESSIONS") {
        Ok(sessions) => vec![sessions.parse().unwrap()],
        Err(_) => vec![100_000, 1_000_000],
    }
}

/// The first, middle and last page of a case.
fn places(store: &Store, case: &Case) -> [(&'static str, PageRequest); 3] {
    let first = PageRequest::new(0, PAGE).unwrap();
    let pages = store.page(&case.query, first).unwrap().total_page_count;
    let last = u32::try_from(pages.saturating_sub(1)).unwrap();
    let at = |index| PageRequest::new(index, PAGE).unwrap();
    [
        ("first", first),
        ("middle", at(last / 2)),
        ("last", at(last)),
    ]
}

struct Subject<'a> {
    store: &'a Store,
    floor: &'a Floor<'a>,
    case: &'a Case,
    page: PageRequest,
}

impl Subject<'_> {
    fn page(&self) -> sessionlog::Page {
        self.store.page(&self.case.query, self.page).unwrap()
    }

    fn floor(&self) -> sessionlog::Page {
        self.floor.page(&self.case.query, self.page)
    }

    fn bench(&self, criterion: &mut Criterion, sessions: u64, place: &str) {
        let mut group = criterion.benchmark_group(format!("page/{sessions}/{}", self.case.name));
        group.bench_function(BenchmarkId::new("store", place), |b| b.iter(|| self.page()));
        group.bench_function(BenchmarkId::new("floor", place), |b| {
            b.iter(|| self.floor())
        });
        group.finish();
    }

    /// Medians of a page and of the floor's, in microseconds, and of the ratios of pairs.
    fn paired(&self) -> (f64, f64, f64) {
        const PAIRS: usize = 41;
        let mut pages = Vec::new();
        let mut floors = Vec::new();
        let mut ratios = Vec::new();
        for _ in 0..PAIRS {
            let page = micros(|| drop(black_box(self.page())));
            let floor = micros(|| drop(black_box(self.floor())));
            pages.push(page);
            floors.push(floor);
            ratios.push(page / floor);
        }
        (median(pages), median(floors), median(ratios))
    }
}

fn micros(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 200;
    let begin = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Ratio = (u64, String, &'static str, usize, (f64, f64, f64));

fn print_ratios(ratios: &[Ratio]) {
    println!("\n  sessions  filters                  page    rows  store µs  floor µs  ratio");
    for (sessions, name, place, rows, (store, floor, ratio)) in ratios {
        println!(
            "{sessions:>10}  {name:<24} {place:<6} {rows:>5} {store:>9.2} {floor:>9.2} {ratio:>6.1}"
        );
    }
}
