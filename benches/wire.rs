//! Writing a page of 50 sessions, and reading a request, in every format, with bytes a second.
//!
//! `cargo bench --features generate,wire --bench wire`
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput};
use sessionlog::Store;
use sessionlog::generate::Profile;
use sessionlog::wire::{
    Format, Responder, UserClientSessionLogRequest, UserClientSessionLogResponse,
};
use std::hint::black_box;
use std::time::Duration;

const FORMATS: [Format; 6] = [
    Format::Json,
    Format::Xml,
    Format::Jsv,
    Format::Csv,
    Format::Soap11,
    Format::Soap12,
];

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    write(&mut criterion, &page());
    read(&mut criterion, &request());
    criterion.final_summary();
}

fn request() -> UserClientSessionLogRequest {
    let query = "UserReferUid=6f9619ff8b86d011b42d00c04fc964ff&ClientReferUid=PDA-01\
                 &StartedAfter=2015-01-01&StartedBefore=2015-12-31T23%3A59%3A59.999Z\
                 &OpenSessionsOnly=true&PageRequestIndex=1&RecordsPerPage=50";
    UserClientSessionLogRequest::read_form(query).unwrap()
}

/// The second page of made-up sessions.
fn page() -> UserClientSessionLogResponse {
    let profile = Profile {
        sessions: 1_000,
        ..Profile::default()
    };
    let store = Store::in_memory().unwrap();
    store.append_batch(profile.session_logs()).unwrap();
    let responder = Responder {
        server: Some("srv-1".to_owned()),
        ..Responder::default()
    };
    let request = UserClientSessionLogRequest {
        page_request_index: 1,
        records_per_page: 50,
        ..UserClientSessionLogRequest::default()
    };
    responder.answer(&store, &request).unwrap()
}

fn write(criterion: &mut Criterion, page: &UserClientSessionLogResponse) {
    let mut group = criterion.benchmark_group("write a page of 50");
    for format in FORMATS {
        let bytes = page.write(format).len();
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| black_box(page).write(format));
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion, request: &UserClientSessionLogRequest) {
    let mut group = criterion.benchmark_group("read a request");
    for format in FORMATS {
        let body = request.write(format);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| UserClientSessionLogRequest::read(format, black_box(&body)).unwrap());
        });
    }
    let form = request.write_form();
    group.throughput(Throughput::Bytes(form.len() as u64));
    group.bench_function("form", |bencher| {
        bencher.iter(|| UserClientSessionLogRequest::read_form(black_box(&form)).unwrap());
    });
    group.finish();
}
