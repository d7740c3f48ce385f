//! Groups into items.

use super::OwnSuite;
use crate::follow::item::{Check, FollowSuite, Item, Level};
use sha2::{Digest, Sha256};

pub(super) fn suite(own: &OwnSuite) -> FollowSuite {
    let mut items = Vec::with_capacity(own.groups.len() * 5);
    for group in &own.groups {
        let mut path = vec![group.ask.clone()];
        for (level, added) in Level::ALL.into_iter().zip(&group.levels) {
            path.push(added.instruction.clone());
            items.push(Item {
                group: group.id.clone(),
                category: group.category,
                level,
                path: path.clone(),
                check: Check::Code(added.constraints.clone()),
            });
        }
    }
    FollowSuite { name: own.name.clone(), fingerprint: fingerprint(&items), items }
}

/// SHA-256 over ids, instructions and constraints, each with its length in front, so that nothing can slip from one into
/// the next.
fn fingerprint(items: &[Item]) -> String {
    let mut digest = Sha256::new();
    let mut put = |text: &str| {
        digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(text);
    };
    put(super::SCHEMA);
    for item in items {
        put(&item.id());
        put(item.instruction());
        if let Check::Code(constraints) = &item.check {
            for constraint in constraints {
                put(&serde_json::to_string(constraint).unwrap_or_default());
            }
        }
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
