//! A store that outlives failures of its storage.

use super::bytes::{Bytes, Op};
use super::faulty::{Call, Fault, FaultyStorage, Kept};
use super::settings::Settings;
use super::world::World;
use sessionlog::Durability;
use std::sync::Arc;

/// Takes these steps while these calls fail, and answers the storage. Once it is well again the store
/// goes on, and so do another process that takes over, and one after a loss of power.
pub fn outlives(faults: &[Fault], settings: Settings, ops: Vec<Op>, then: &[Op]) -> FaultyStorage {
    let storage = FaultyStorage::default();
    let mut world = World::create(Arc::new(storage.clone()), settings).unwrap();
    faults.iter().for_each(|fault| storage.fail(fault.clone()));
    world.set_can_fail(true);
    for op in ops {
        world.step(op);
    }
    storage.heal();
    world.set_can_fail(false);
    let killed = Arc::new(storage.killed());
    let mut killed = world.with(killed, settings, world.after_kill());
    killed.check_soundness();
    let lost = Arc::new(storage.without_power(Kept::Nothing));
    let mut lost = world.with(lost, settings, world.after_power_loss());
    lost.check_soundness();
    for mut world in [world, killed, lost] {
        for op in then {
            world.step(op.clone());
        }
        world.check_soundness();
        world.forget_snapshots();
    }
    storage
}

/// Some bytes say which calls fail, the others which steps are taken.
pub fn run_with_faults(bytes: &[u8]) {
    let Some((plan, ops)) = bytes.split_first_chunk::<9>() else {
        return;
    };
    let [first, faults @ ..] = plan;
    let settings = Settings {
        durability: match first % 2 {
            1 => Durability::Eventual,
            _ => Durability::Immediate,
        },
        delta_sessions_max: [1, 9, 30][usize::from(first / 2 % 3)],
        cache_bytes: 0,
    };
    let faults: Vec<Fault> = faults.as_chunks().0.iter().map(fault_of).collect();
    outlives(&faults, settings, Bytes::new(ops).ops(), &[]);
}

fn fault_of([call, times, after @ ..]: &[u8; 4]) -> Fault {
    let calls: Vec<Call> = Call::all().collect();
    let call = calls[usize::from(*call) % calls.len()];
    let fault = Fault::of(call.alone()).after(u16::from_le_bytes(*after).into());
    fault.times([1, 2, 3, u64::MAX][usize::from(times % 4)])
}
