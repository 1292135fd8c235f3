//! Rows with wrong content under right checksums, and rows too many: the check of a whole store tells just
//! what is wrong, and what follows from it.

use crate::forger::{ALL, Family, SECOND, check, family, faults_of, forged, leaf, stored};
use crate::uid;

#[test]
fn a_forged_row_alone_is_no_fault_and_a_wrong_count_of_bytes_is_one() {
    check(&[
        (|_| (), &[]),
        // As sound as before, but larger or smaller: what other cases find is not of the forger's making.
        (
            |rows| rows.everywhere(1, |_| ()),
            &["the rows have 6102 bytes, and the index says 6234"],
        ),
        (
            |rows| rows.meta("state", |body| body[7] ^= 1),
            &["the rows have 6234 bytes, and the index says 6235"],
        ),
    ]);
}

#[test]
fn rows_of_the_dictionary_that_contradict_others_are_named() {
    check(&[
        (
            |rows| rows.name(3, 2, 103, "user 3"),
            &["name 3 is of user #103 with id 2, which has id 3"],
        ),
        (
            // A text that leads to another name follows.
            |rows| rows.name(3, 3, 103, "a user"),
            &[
                "name 3 of user #103 is not found by its text",
                "a text leads to name 3, which has another",
            ],
        ),
        (
            |rows| {
                rows.name(4, 3, 103, "a user");
                rows.name_id(103, "a user", 4);
            },
            &["name 4 has an id that is still to be given"],
        ),
        (
            |rows| rows.name_id(103, "a user", 3),
            &["a text leads to name 3, which has another"],
        ),
        (
            // Then the name that it should lead to is not found.
            |rows| rows.name_id(103, "user 3", 1),
            &[
                "name 3 of user #103 is not found by its text",
                "a text leads to name 1, which has another",
            ],
        ),
        (
            |rows| rows.user(104, 2),
            &["user #104 has the id of another"],
        ),
        (
            |rows| rows.user(104, 4),
            &["user #104 has an id that is still to be given"],
        ),
        (
            |rows| rows.user(103, 2),
            &[
                "name 3 is of user #103 with id 3, which has id 2",
                "user #103 has the id of another",
            ],
        ),
        (
            |rows| rows.client(3, "PDA-X"),
            &[
                "client 3 is not found by its text",
                "a text leads to client 3, which has another",
            ],
        ),
        (
            |rows| {
                rows.client(4, "PDA-4");
                rows.client_id("PDA-4", 4);
            },
            &["client 4 has an id that is still to be given"],
        ),
        (
            |rows| rows.client_id("PDA-X", 3),
            &["a text leads to client 3, which has another"],
        ),
        (
            |rows| rows.client_id("PDA-3", 0),
            &[
                "client 3 is not found by its text",
                "a text leads to client 0, which has another",
            ],
        ),
    ]);
}

/// And what would follow from what they should say is not told.
#[test]
fn rows_that_cannot_be_read_are_named() {
    check(&[
        (
            |rows| rows.put::<u32>("names", 3, &[2]),
            &["the row of table names with key [03, 00, 00, 00]: \
                a dictionary row has version 2; this version reads 1"],
        ),
        (
            |rows| rows.put::<&[u8; 16]>("users", uid(102).as_bytes(), &[]),
            &["the row of table users with key \
                [00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 66]: \
                a dictionary row is empty"],
        ),
        (
            |rows| rows.put::<u32>("clients", 2, &[1, 5, b'P']),
            &["the row of table clients with key [02, 00, 00, 00]: \
                a dictionary row is malformed"],
        ),
        (
            |rows| rows.put::<&[u8]>("client_ids", b"PDA-2", &[1, 2, 0]),
            &[
                "the row of table client_ids with key [50, 44, 41, 2d, 32]: \
                a dictionary row has 1 bytes behind its end",
            ],
        ),
        (
            |rows| rows.meta("levels", |body| body[1] = 9),
            &["refused: main.redb: the row of table meta with key \
                [6c, 65, 76, 65, 6c, 73]: a dictionary row is malformed"],
        ),
        (
            |rows| rows.meta("state", |body| body[0] = 9),
            &["refused: main.redb: the row of table meta with key \
                [73, 74, 61, 74, 65]: a dictionary row has version 9; this version reads 1"],
        ),
        (
            |rows| rows.page(0, 18, |page| page.push(0)),
            &["the row of table starts with key \
                [00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 12]: \
                a page of starts has 49 bytes"],
        ),
        (
            |rows| rows.everywhere(7, |entry| entry.end = u64::MAX / 2),
            &["an entry of session #7 holds 0x003fb7f82d25dd7e, which is no time"],
        ),
    ]);
}

#[test]
fn sessions_that_cannot_be_as_every_family_has_them_are_named() {
    check(&[
        (
            |rows| rows.everywhere(7, |entry| entry.end = 1_u64.wrapping_sub(SECOND)),
            &["session #7 ends before it starts"],
        ),
        (
            |rows| {
                rows.everywhere(20, |entry| entry.client = 9);
                for kind in [2, 6] {
                    let leaf = rows.take::<&[u8; 9]>("roots", &family(kind, 0, 2));
                    rows.put::<&[u8; 9]>("roots", &family(kind, 0, 9), &leaf);
                }
            },
            &["session #20 is on client 9, which is missing"],
        ),
        (
            // Of no user, it belongs to none of the families that it is in.
            |rows| rows.everywhere(19, |entry| entry.name = 9),
            &[
                "session #19 is of name 9, which is missing",
                "the family of all sessions of user 2 has session #19, which is none of its",
                "the family of all sessions on client 0 has session #19, which is none of its",
            ],
        ),
        (
            |rows| rows.everywhere(19, |entry| entry.name = 3),
            &[
                "the family of all sessions of user 3 has session #19 not as it is, or not at all",
                "the family of all sessions of user 2 has session #19, which is none of its",
            ],
        ),
    ]);
}

#[test]
fn what_the_family_of_all_says_is_held_against_every_other() {
    check(&[
        (
            // An open session listed as ended: each of its eight families is told.
            |rows| rows.family(ALL, |entries| entries[19].end = 1),
            &[
                "the family of all sessions of user 2 has session #20 not as it is, or not at all",
                "the family of all sessions of user 2 has session #20, which is none of its",
                "the family of all sessions on client 2 has session #20 not as it is, or not at all",
                "the family of all sessions on client 2 has session #20, which is none of its",
                "the family of open sessions has session #20, which is none of its",
                "the family of open sessions of user 2 has session #20, which is none of its",
                "the family of open sessions on client 2 has session #20, which is none of its",
            ],
        ),
        (
            // One in the place of another, which has no start either.
            |rows| rows.family(ALL, |entries| entries[18].number = 22),
            &[
                "the family of all sessions of user 2 has session #22 not as it is, or not at all",
                "the family of all sessions of user 2 has session #19, which is none of its",
                "the family of all sessions on client 0 has session #22 not as it is, or not at all",
                "the family of all sessions on client 0 has session #19, which is none of its",
                "the starts of 20 sessions are stored, and they are not those of the 20 there are",
                "session #22 is not found by its refer_uid",
            ],
        ),
        (
            |rows| rows.family(ALL, |entries| entries.truncate(19)),
            &["refused: main.redb: the levels have not as many starts as there are sessions, 19"],
        ),
    ]);
}

/// A family of each kind but that of all, what it is called, and its first session.
const KINDS: [(Family, &str, u8); 7] = [
    (family(1, 2, 0), "all sessions of user 2", 19),
    (family(2, 0, 2), "all sessions on client 2", 20),
    (family(3, 0, 1), "all sessions of user 0 on client 1", 3),
    (family(4, 0, 0), "open sessions", 5),
    (family(5, 2, 0), "open sessions of user 2", 20),
    (family(6, 0, 1), "open sessions on client 1", 12),
    (family(7, 1, 1), "open sessions of user 1 on client 1", 12),
];

#[test]
fn a_session_too_many_too_few_or_not_as_it_is_in_a_family_of_any_kind_is_named_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let files = stored(&path);
    for (key, name, first) in KINDS {
        let foreign = |number: u8| {
            format!("the family of {name} has session #{number}, which is none of its")
        };
        let differs =
            format!("the family of {name} has session #{first} not as it is, or not at all");
        forged(&path, &files, |rows| {
            rows.family(key, |entries| drop(entries.drain(..1)));
        });
        assert_eq!(faults_of(&path), [differs.as_str()]);
        // Session 1 is of user 0 on client 0, and has ended.
        forged(&path, &files, |rows| rows.intrude(key, 1));
        assert_eq!(faults_of(&path), [foreign(1)]);
        forged(&path, &files, |rows| {
            rows.family(key, |entries| entries[0].end = 2);
        });
        assert_eq!(faults_of(&path), [differs, foreign(first)]);
    }
}

#[test]
fn families_that_must_not_be_there_and_parts_that_do_not_agree_are_named() {
    check(&[
        (
            |rows| rows.intrude(family(0, 0, 1), 3),
            &["there is no family with the key [00, 00, 00, 00, 00, 00, 00, 00, 01]"],
        ),
        (
            |rows| rows.intrude(family(8, 0, 0), 3),
            &["there is no family with the key [08, 00, 00, 00, 00, 00, 00, 00, 00]"],
        ),
        (
            // User 2 has too few sessions for those on a client to have a family.
            |rows| rows.intrude(family(3, 2, 2), 20),
            &[
                "the family of all sessions of user 2 on client 2 has session #20, which is none of its",
            ],
        ),
        (
            // The part has the session rightly, and the whole that it is a part of does not.
            |rows| rows.family(family(1, 0, 0), |entries| entries.truncate(8)),
            &[
                "the family of all sessions of user 0 has session #9 not as it is, or not at all",
                "the families of kind 3 are not what they must be",
            ],
        ),
    ]);
}

#[test]
fn nodes_that_no_family_has_are_counted_and_those_that_cannot_be_are_named() {
    const ONE_TOO_MANY: &str = "the families have 32 nodes, not the 33 that are stored";
    check(&[
        (
            |rows| rows.put::<u64>("nodes", 8, &leaf(&[])),
            &[ONE_TOO_MANY],
        ),
        (
            |rows| rows.put::<u64>("nodes", 33, &leaf(&[])),
            &["node 33 has an id that is still to be given", ONE_TOO_MANY],
        ),
        (
            |rows| rows.put::<u64>("nodes", 8, &[0; 4_065]),
            &["node 8 has 4065 bytes", ONE_TOO_MANY],
        ),
        (
            |rows| rows.meta("state", |body| body[2] = 32),
            &["node 32 has an id that is still to be given"],
        ),
    ]);
}

#[test]
fn a_family_whose_nodes_contradict_one_another_is_named_and_what_follows_from_it_is_not() {
    // The root has a count and an id for each child, behind its fence.
    check(&[
        (
            |rows| rows.root(family(2, 0, 0), |root| root[28] += 1),
            &[
                "the family of all sessions on client 0 could not be gone through: \
                main.redb: node 19: an inner node and the nodes below it disagree",
            ],
        ),
        (
            |rows| rows.root(ALL, |root| root[28] += 1),
            &["the family of all sessions could not be gone through: \
                main.redb: node 7: an inner node and the nodes below it disagree"],
        ),
        (
            // A fence behind what is below it.
            |rows| rows.root(family(2, 0, 0), |root| root[10] += 1),
            &[
                "the family of all sessions on client 0 could not be gone through: \
                main.redb: an index is out of order at \
                803fb7f829925680, 00000000000000000000000000000001",
            ],
        ),
        (
            |rows| rows.root(family(2, 0, 0), |root| root.truncate(20)),
            &[
                "the family of all sessions on client 0 could not be gone through: \
                main.redb: a node of 20 bytes, starting with [01, 00, 00, 00], is malformed",
            ],
        ),
        (
            |rows| rows.root(family(2, 0, 0), |root| root[36] = 8),
            &[
                "the family of all sessions on client 0 could not be gone through: \
                main.redb: node 8 is missing",
            ],
        ),
        (
            |rows| rows.family(family(1, 2, 0), |entries| entries.reverse()),
            &[
                "the family of all sessions of user 2 could not be gone through: \
                main.redb: an index is out of order at \
                803fb7f8344ceb80, 00000000000000000000000000000013",
            ],
        ),
    ]);
}

#[test]
fn starts_out_of_place_twice_there_or_of_another_time_are_named() {
    const OTHERS: &str =
        "the starts of 20 sessions are stored, and they are not those of the 20 there are";
    check(&[
        (
            |rows| rows.page(0, 18, |page| page.rotate_left(24)),
            &["the start of session #17 is out of its place"],
        ),
        (
            // On the page before its own.
            |rows| {
                let mut moved = Vec::new();
                rows.page(0, 255, |page| moved = page.split_off(24));
                rows.page(0, 18, |page| page.extend(moved));
            },
            &["the start of session #20 is out of its place"],
        ),
        (
            // There is one start more, then.
            |rows| {
                let mut copied = Vec::new();
                rows.page(1, 4, |page| copied = page[..24].to_vec());
                rows.page(0, 12, |page| page.splice(..0, copied).for_each(drop));
            },
            &[
                "session #1 has two starts",
                "the starts of 21 sessions are stored, and they are not those of the 20 there are",
                "the levels have [13, 8] starts, and say otherwise",
            ],
        ),
        (
            |rows| rows.page(0, 18, |page| page[23] ^= 1),
            &[OTHERS, "session #17 is not found by its refer_uid"],
        ),
    ]);
}

#[test]
fn pages_and_levels_of_starts_with_wrong_counts_are_named() {
    check(&[
        (
            // The level that it is taken from has one less.
            |rows| {
                let mut moved = Vec::new();
                rows.page(0, 255, |page| moved = page.split_off(24));
                rows.page(9, 255, |page| *page = moved);
            },
            &[
                "a page of level 9 has 1 starts",
                "the levels have [11, 8] starts, and say otherwise",
            ],
        ),
        (
            |rows| rows.page(0, 5, |_| ()),
            &["a page of level 0 has 0 starts"],
        ),
        (
            // Of sessions that there are not, and its level is counted without it.
            |rows| {
                rows.page(0, 255, |page| {
                    let starts = (1_000..1_168_u128).map(|number| number << 64 | 1);
                    page.extend(
                        starts.flat_map(|start| [&start.to_be_bytes()[..], &[128; 8]].concat()),
                    );
                });
            },
            &[
                "a page of level 0 has 170 starts",
                "the starts of 188 sessions are stored, and they are not those of the 20 there are",
                "the levels have [10, 8] starts, and say otherwise",
            ],
        ),
        (
            |rows| rows.meta("levels", |body| (body[2], body[19]) = (11, 9)),
            &["the levels have [12, 8] starts, and say otherwise"],
        ),
        (
            |rows| rows.meta("levels", |body| body[2] = 13),
            &["refused: main.redb: the levels have not as many starts as there are sessions, 20"],
        ),
    ]);
}
