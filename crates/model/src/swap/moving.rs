//! Moving partitions, one at a time.

use super::{Batch, Pc, Swap};
use crate::lake::Lake;
use crate::model::{Answer, End};
use crate::scene::partitions_of;

/// How often partitions that somebody else changed meanwhile are put right before the swap gives up.
const ROUNDS: u8 = 3;

impl Swap {
    /// What the next batch does.
    pub(crate) fn next_batch(&self) -> Option<Batch> {
        self.plan.first().map(|(batch, _)| *batch)
    }

    pub(super) fn list(&mut self, lake: &Lake) -> Pc {
        let (wanted, there) = (partitions_of(self.run), &lake.partitions);
        let puts = wanted.iter().filter_map(|(value, run)| match there.get(value) {
            None => Some((Batch::Create, *value)),
            Some(shown) => (shown != run).then_some((Batch::Update, *value)),
        });
        let gone = there.keys().filter(|value| !wanted.contains_key(value));
        self.plan = puts.chain(gone.map(|value| (Batch::Delete, *value))).collect();
        if self.plan.is_empty() { Pc::ReadToRelease } else { Pc::CheckHeld }
    }

    /// One partition of those that one look at the table covers: batches of one kind.
    pub(super) fn move_one(&mut self, lake: &mut Lake, answer: Answer) -> Pc {
        let Some((batch, value)) = self.plan.first().copied() else { return Pc::ListAgain };
        let refused = lake.partitions.contains_key(&value) == (batch == Batch::Create);
        match batch {
            Batch::Update | Batch::Create if !refused => drop(lake.partitions.insert(value, self.run)),
            Batch::Delete => drop(lake.partitions.remove(&value)),
            Batch::Update | Batch::Create => {}
        }
        if answer == Answer::Lost {
            // It is sent again, without another look at the table.
            return Pc::Move;
        }
        self.plan.pop_first();
        if refused {
            // Nothing is deleted before everything else is as it should be.
            self.plan.retain(|(batch, _)| *batch != Batch::Delete);
        }
        match self.next_batch() {
            None => Pc::ListAgain,
            Some(next) if next == batch => Pc::Move,
            Some(_) => Pc::CheckHeld,
        }
    }

    pub(super) fn list_again(&mut self, lake: &Lake) -> Pc {
        self.rounds += 1;
        match self.list(lake) {
            Pc::CheckHeld if self.rounds == ROUNDS => Pc::Ended(End::Transient),
            pc => pc,
        }
    }
}
