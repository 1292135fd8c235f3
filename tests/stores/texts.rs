//! Texts: any Unicode, kept and compared byte by byte.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{found, hour, log, of, on, shown, uid, with};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Query, TEXT_BYTES_MAX};

on_every_engine!(
    texts_of_any_unicode_are_kept_exactly,
    clients_that_look_alike_are_told_apart,
    names_that_look_alike_are_told_apart,
    a_filter_finds_nothing_else_than_the_very_client,
);

/// Each is another text, however alike two of them look.
fn texts() -> Vec<String> {
    let mut texts = [
        "",
        " ",
        "\0",
        "a\0b",
        "a\0",
        "a",
        "A",
        "a ",
        " a",
        "a\t",
        "a\n",
        "a\r\n",
        "\u{1}",
        "\u{1f}",
        "\u{7f}",
        "\u{80}",
        "é",
        "e\u{301}",
        "É",
        "ß",
        "ss",
        "ſ",
        "ı",
        "i",
        "İ",
        "ﬁ",
        "fi",
        "\u{c5}",
        "\u{212b}",
        "\u{feff}kai",
        "kai",
        "\u{301}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{fffd}",
        "\u{e000}",
        "\u{10ffff}",
        "👩\u{200d}🚀",
        "👩🚀",
        "עברית",
        "\u{202e}abc",
        "]]>",
        "<&\"'>",
        "'",
        "\"",
        "\\",
        "\\0",
        "\\x00",
        "%",
        "_",
        "NULL",
        "null",
        "{}",
        "{a}",
        "$1",
        "--",
        ";",
        "a,b",
        "(1)",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(TEXT_BYTES_MAX));
    texts.push("\0".repeat(TEXT_BYTES_MAX));
    texts.push("\u{10ffff}".repeat(TEXT_BYTES_MAX / 4));
    texts.push("x".repeat(TEXT_BYTES_MAX - 1) + "y");
    texts
}

async fn texts_of_any_unicode_are_kept_exactly<S: SessionLogStore>(fresh: Fresh<S>) {
    let texts = texts();
    let logs = (1..).zip(&texts).map(|(number, text)| {
        let log = log(number, hour(1), None);
        on(text, of(number, text, log))
    });
    let logs: Vec<_> = logs.collect();
    let store = with(fresh.store, logs.clone()).await;
    assert_eq!(shown(&store).await, logs);
    // What is stored is what is compared.
    for log in &logs {
        store.append(log.clone()).await.unwrap();
    }
    let mut busiest = store
        .busiest_users(&Query::all(), usize::MAX)
        .await
        .unwrap();
    busiest.entries.sort_by_key(|user| user.user_refer_uid);
    let names: Vec<&str> = busiest.entries.iter().map(|user| &*user.user).collect();
    assert_eq!(names, texts);
    let removed = store.remove(uid(3)).await.unwrap();
    assert_eq!(removed, logs[2]);
}

async fn clients_that_look_alike_are_told_apart<S: SessionLogStore>(fresh: Fresh<S>) {
    let texts = texts();
    let logs = (1..)
        .zip(&texts)
        .map(|(number, text)| on(text, log(number, hour(1), None)));
    let store = with(fresh.store, logs.collect()).await;
    for (number, text) in (1..).zip(&texts) {
        let of_client = Query::builder().client_refer_uid(text.as_str());
        assert_eq!(found(&store, of_client.clone()).await, [number], "{text:?}");
        let of_both = of_client.user_refer_uid(uid(7)).open_sessions_only(true);
        assert_eq!(found(&store, of_both).await, [number], "{text:?}");
    }
    let busiest = store.busiest_clients(&Query::all(), 1).await.unwrap();
    assert_eq!(busiest.total_count, texts.len() as u64);
}

async fn names_that_look_alike_are_told_apart<S: SessionLogStore>(fresh: Fresh<S>) {
    let texts = texts();
    let logs = (1..)
        .zip(&texts)
        .map(|(number, text)| of(number, text, log(number, hour(1), None)));
    let store = with(fresh.store, logs.collect()).await;
    for (number, text) in (1..).zip(&texts) {
        let users = store.users_named(text).await.unwrap();
        assert_eq!(users, [uid(number)], "{text:?}");
    }
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    for nobody in ["Nobody", &long] {
        assert!(store.users_named(nobody).await.unwrap().is_empty());
    }
}

async fn a_filter_finds_nothing_else_than_the_very_client<S: SessionLogStore>(fresh: Fresh<S>) {
    let logs = vec![
        on("PDA-01", log(1, hour(1), None)),
        on("PDA_01", log(2, hour(2), None)),
    ];
    let store = with(fresh.store, logs).await;
    for other in [
        "pda-01",
        "PDA-01 ",
        "PDA-0",
        "PDA-01\0",
        "PDA%",
        "PDA-__",
        "PDA\u{2010}01",
    ] {
        let query = Query::builder().client_refer_uid(other);
        assert_eq!(found(&store, query).await, [], "{other:?}");
    }
    let query = Query::builder().client_refer_uid("PDA_01");
    assert_eq!(found(&store, query).await, [2]);
}
