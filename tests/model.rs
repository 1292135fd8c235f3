//! Generated sequences of operations on a store and on a plain `Vec`: every answer is the same,
//! across reopening, in snapshots, and along cursors while others write.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/model.regressions",
        ))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_store_is_a_sorted_vec(bytes in proptest::collection::vec(any::<u8>(), 0..1_500)) {
        support::run(&bytes);
    }
}
