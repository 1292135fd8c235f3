//! A delta as what its commits make of it.

use super::*;
use crate::error::ErrorKind;
use crate::format::{ClientId, EffectKind, NameId, NewNames, UserId, UserName};
use crate::time::Ticks;
use EffectKind::{Added, Ended, Removed};

fn ticks(seconds: i64) -> Ticks {
    Ticks::floor(chrono::DateTime::from_timestamp(seconds, 0).unwrap())
}

/// Of a session of one user; it starts at its number, and may end an hour later.
fn effect(number: u8, end: Option<i64>, kind: EffectKind) -> Effect {
    let start = i64::from(number);
    Effect {
        user_id: UserId(7),
        entry: Entry {
            start: ticks(start),
            refer_uid: Uuid::from_u128(number.into()),
            end: end.map(|end| ticks(start + end)),
            name_id: NameId(8),
            client_id: ClientId(9),
        },
        kind,
    }
}

/// After a commit of each effect.
fn delta(effects: &[Effect]) -> Result<Delta> {
    let commits = effects.iter().map(|effect| Commit {
        effects: vec![*effect],
        names: NewNames::default(),
        ids: Ids::START,
    });
    let mut delta = Delta::new(Ids::START);
    delta.apply(&commits.collect::<Vec<_>>())?;
    Ok(delta)
}

/// What the delta makes of the entries of all sessions, and of the sessions.
fn told(delta: &Delta) -> (Vec<&'static str>, Vec<&'static str>) {
    let of_all = |(family, _): &(FamilyKey, Edit)| *family == Family::ALL.to_key();
    let edits = delta.edits().filter(of_all);
    let edits = edits.map(|(_, edit)| match edit {
        Edit::Insert(_) => "insert",
        Edit::Replace(_) => "replace",
        Edit::Remove(_) => "remove",
    });
    let sessions = delta.session_edits().map(|edit| match edit.unwrap().1 {
        SessionEdit::Insert(_) => "insert",
        SessionEdit::Replace(_) => "replace",
        SessionEdit::Remove => "remove",
    });
    (edits.collect(), sessions.collect())
}

#[test]
fn what_follows_on_what_became_of_a_session_is_one_change_of_the_main_index() {
    let (new, ended) = (effect(1, None, Added), effect(1, Some(60), Ended));
    let (gone, back) = (effect(1, Some(60), Removed), effect(1, Some(60), Added));
    let cases: [(&[Effect], &[&str]); 8] = [
        (&[new], &["insert"]),
        (&[new, ended], &["insert"]),
        (&[new, ended, gone], &[]),
        (&[new, ended, gone, back], &["insert"]),
        (&[ended], &["replace"]),
        (&[ended, gone], &["remove"]),
        (&[gone], &["remove"]),
        (&[gone, back], &["replace"]),
    ];
    for (effects, expected) in cases {
        let delta = delta(effects).unwrap();
        let expected = expected.to_vec();
        assert_eq!(told(&delta), (expected.clone(), expected.clone()));
        assert_eq!(delta.is_empty(), expected.is_empty());
        assert_eq!(delta.session_count(), expected.len() as u64);
        let is_in_main = delta.sessions_in_main().map(|(_, is_in_main)| is_in_main);
        assert!(is_in_main.eq(expected.iter().map(|edit| *edit != "insert")));
        let after = delta.session(Uuid::from_u128(1)).map(Result::unwrap);
        let last = effects.last().and_then(Effect::after);
        assert_eq!(after, (!expected.is_empty()).then_some(last));
        let edit = delta
            .session_edits()
            .next()
            .map(|edit| edit.unwrap().1.after());
        assert_eq!(edit, after);
        let ids: Vec<Uuid> = delta.session_ids().collect();
        assert_eq!(ids, vec![Uuid::from_u128(1); expected.len()]);
    }
}

#[test]
fn entries_are_moved_by_those_added_and_left_out_before_them() {
    let (one, two) = (effect(1, None, Added), effect(2, Some(60), Removed));
    let (three, four) = (effect(3, Some(60), Ended), effect(4, None, Added));
    let delta = delta(&[four, two, one, three]).unwrap();
    let all = Family::ALL.to_key();
    let before = |number| delta.before(all, effect(number, None, Added).entry.key());
    let first = before(1);
    let moved = |number| before(number).weight - first.weight;
    let counted = |number| before(number).count - first.count;
    assert_eq!([1, 2, 3, 4, 5].map(moved), [0, 1, 0, 0, 1]);
    assert_eq!([1, 2, 3, 4, 5].map(counted), [0, 1, 2, 3, 4]);
}

#[test]
fn what_cannot_follow_on_what_became_of_a_session_is_corrupted() {
    let (new, ended) = (effect(1, None, Added), effect(1, Some(60), Ended));
    let gone = effect(1, Some(60), Removed);
    let cases = [[new, new], [ended, new], [gone, ended], [gone, gone]];
    for effects in cases {
        let error = delta(&effects).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{effects:?}");
    }
}

#[test]
fn two_deltas_are_the_same_if_all_that_they_say_is() {
    let effects = [effect(1, None, Added), effect(2, Some(60), Added)];
    let one = delta(&effects).unwrap();
    assert!(one.is_same_as(&delta(&effects).unwrap()));
    let others = [
        delta(&effects[..1]),
        delta(&[effects[0], effect(2, Some(61), Added)]),
        delta(&[effects[0], effect(3, Some(60), Added)]),
        delta(&[effects[0], effect(2, Some(60), Ended)]),
    ];
    for other in others {
        assert!(!one.is_same_as(&other.unwrap()));
    }
    let mut ids = one.clone();
    ids.ids.take_user().unwrap();
    assert!(!one.is_same_as(&ids));
}

/// How much memory it is in truth is measured with the whole store.
#[test]
fn the_bytes_of_a_delta_go_by_all_that_it_holds() {
    let of_all = |numbers: std::ops::Range<u8>, end| {
        let effects: Vec<Effect> = numbers.map(|number| effect(number, end, Added)).collect();
        delta(&effects).unwrap().bytes()
    };
    let bytes = |numbers| of_all(numbers, None);
    let (place, session) = (size_of::<(Place, Op)>(), size_of::<(Uuid, Session)>());
    // An open session is in every kind of family.
    let held = (Family::KINDS.len() * place + session) as u64;
    assert_eq!(bytes(0..0), 0);
    for count in [1, 10, 100] {
        let of_one = bytes(0..count) / u64::from(count);
        assert!((held..=2 * held).contains(&of_one), "{of_one} of {held}");
        // One that has ended is in half of those families, and a session as well.
        assert!(2 * of_all(0..count, Some(60)) > bytes(0..count));
    }
}

/// A user of this number under a name, and a client.
fn names(number: u32) -> NewNames {
    let user_refer_uid = Uuid::from_u128(number.into());
    let name = UserName {
        user_id: UserId(number),
        user_refer_uid,
        user: format!("user {number}").into(),
    };
    NewNames {
        users: vec![(UserId(number), user_refer_uid)],
        names: vec![(NameId(number + 10), name)],
        clients: vec![(ClientId(number + 20), format!("PDA-{number}").into())],
    }
}

/// Whether each of them is found both ways, or none is.
fn is_known(index: &NamesIndex, number: u32) -> bool {
    let names = names(number);
    let ((name_id, name), (client_id, client)) = (&names.names[0], &names.clients[0]);
    let user_refer_uid = name.user_refer_uid;
    let found = [
        index.user_id(user_refer_uid) == Some(name.user_id),
        index.name_id(user_refer_uid, &name.user) == Some(*name_id),
        index.user_name(*name_id).as_ref() == Some(name),
        index.client_id(client) == Some(*client_id),
        index.client(*client_id).as_ref() == Some(client),
    ];
    assert!(found == [true; 5] || found == [false; 5], "{found:?}");
    found[0]
}

#[test]
fn names_are_found_both_ways_until_they_are_forgotten() {
    let mut delta = Delta::new(Ids::START);
    let commit = |number| Commit {
        effects: Vec::new(),
        names: names(number),
        ids: Ids::START,
    };
    assert!(!is_known(delta.names(), 1));
    delta.apply([&commit(1)]).unwrap();
    let mark = delta.names().mark();
    delta.apply([&commit(2)]).unwrap();
    assert!(is_known(delta.names(), 1) && is_known(delta.names(), 2));
    delta.names().forget(mark);
    assert!(is_known(delta.names(), 1) && !is_known(delta.names(), 2));
    assert_eq!(delta.names().rows(), names(1));
}

#[test]
fn the_place_of_an_entry_is_its_family_and_its_key() {
    let family = [3, 1, 2, 3, 4, 5, 6, 7, 8];
    let key = Key::new(u64::MAX - 5, u128::MAX - 7);
    let place = Place::new(family, key);
    assert_eq!((place.family(), place.key()), (family, key));
    let delta = delta(&[effect(1, None, Added)]).unwrap();
    let text = format!("{delta:?}");
    assert!(text.starts_with("Delta { sessions: 1, ids: Ids"), "{text}");
}
