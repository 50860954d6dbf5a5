//! What opens and resolves again and again is told once, and then not until it is stable.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How far back is counted, and how long something has to stay as it is to be stable again.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// How many changes are remembered; more would only say the same.
const MOST: usize = 100;

/// What is made of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damped {
    /// It is told as ever.
    No,
    /// It is the one too many: told, with the word that what follows is not.
    Begins,
    /// It is counted. The last of them is told when all is quiet.
    Yes,
}

/// The changes of one key within the last hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flaps {
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    /// The alert's id: one that is delivered again is not another change.
    id: String,
    damped: Damped,
}

impl Flaps {
    /// Notes a change, of which more than `most` an hour are too many. The same alert gets the same
    /// answer.
    pub fn note(&mut self, id: &str, now: Timestamp, most: u32) -> Damped {
        if let Some(seen) = self.seen.iter().find(|seen| seen.id == id) {
            return seen.damped;
        }
        self.seen
            .retain(|seen| now.duration_since(seen.at) < WINDOW);
        let was_flapping = self
            .seen
            .last()
            .is_some_and(|seen| seen.damped != Damped::No);
        let count = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        let damped = if was_flapping {
            Damped::Yes
        } else if count >= most {
            Damped::Begins
        } else {
            Damped::No
        };
        if self.seen.len() >= MOST {
            self.seen.remove(0);
        }
        self.seen.push(Seen {
            at: now,
            id: id.to_owned(),
            damped,
        });
        damped
    }

    /// How many changes there were within the hour.
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + number * 60).unwrap()
    }

    #[test]
    fn the_one_too_many_is_told_and_what_follows_is_not_until_an_hour_of_quiet() {
        let mut flaps = Flaps::default();
        let mut note = |id: i64| flaps.note(&id.to_string(), minute(id), 3);
        assert_eq!([0, 1, 2].map(&mut note), [Damped::No; 3]);
        assert_eq!(note(3), Damped::Begins);
        assert_eq!([4, 50, 100, 159].map(&mut note), [Damped::Yes; 4]);
        assert_eq!(note(219), Damped::No, "stable for an hour, and told again");
    }

    proptest! {
        #[test]
        fn an_alert_that_comes_again_gets_the_same_answer(
            gaps in prop::collection::vec(0_i64..90, 1..60), most in 1_u32..6,
        ) {
            let mut flaps = Flaps::default();
            let mut time = 0;
            for (id, gap) in gaps.iter().enumerate() {
                time += gap;
                let first = flaps.note(&id.to_string(), minute(time), most);
                let before = flaps.clone();
                prop_assert_eq!(flaps.note(&id.to_string(), minute(time + 10), most), first);
                prop_assert_eq!(&flaps, &before);
            }
        }

        #[test]
        fn no_more_than_the_number_is_told_in_an_hour(
            gaps in prop::collection::vec(1_i64..20, 1..100), most in 1_u32..6,
        ) {
            let mut flaps = Flaps::default();
            let (mut time, mut told) = (0, Vec::new());
            for (id, gap) in gaps.iter().enumerate() {
                time += gap;
                if flaps.note(&id.to_string(), minute(time), most) != Damped::Yes {
                    told.push(time);
                }
                let recent = told.iter().filter(|at| time - **at < 60).count();
                prop_assert!(recent <= most as usize + 1);
            }
        }
    }
}
