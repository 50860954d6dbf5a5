//! What is left to chance, all from one seed.

use std::time::Duration;

use super::faults::Failing;

/// A source of chance that gives the same for the same seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(in super::super) struct Dice(u64);

impl Dice {
    pub(in super::super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below this one.
    pub(in super::super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// How deliveries and calls go.
#[derive(Debug, Clone)]
pub(super) struct Chaos {
    dice: Dice,
    is_orderly: bool,
    /// The longest that anything takes, in milliseconds.
    longest: u64,
    /// Before any delivery, so much time passes.
    hold: Duration,
    /// How often every event is delivered, where that is not left to chance.
    copies: Option<u64>,
    /// The process that makes this call in the order of all calls is killed: before it reaches AWS, or
    /// before its answer comes back.
    pub(super) kill: Option<(usize, Lost)>,
    /// The call that fails, and how.
    pub(super) failing: Option<Failing>,
    /// Whether the ledger refuses some of what it is asked, and sandboxes do not agree on the time.
    is_rough: bool,
}

/// What the ledger is asked.
const LEDGER: [&str; 3] = ["GetItem", "Query", "UpdateItem"];

/// Every so often the ledger refuses everything for some time, longer than the SDK tries.
const OUTAGES: Duration = Duration::from_mins(20);
const OUTAGE: Duration = Duration::from_secs(30);

/// What a killed process had lost on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    Request,
    Answer,
}

impl Chaos {
    /// Events come late, twice, out of order, and to either of two processes; calls take their time.
    pub(super) fn of(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            is_orderly: false,
            longest: 7_200_000,
            hold: Duration::ZERO,
            copies: None,
            kill: None,
            failing: None,
            is_rough: false,
        }
    }

    /// The same, with a ledger that throttles one attempt in eight, and for half a minute in twenty all of
    /// them, and with sandboxes whose clocks are ten seconds apart.
    pub(super) fn roughly(mut self) -> Self {
        self.is_rough = true;
        self
    }

    pub(super) const fn is_rough(&self) -> bool {
        self.is_rough
    }

    /// Whether this attempt is throttled, so long after the world began.
    pub(super) fn throttles(&mut self, operation: &str, passed: Duration) -> bool {
        if !self.is_rough || !LEDGER.contains(&operation) {
            return false;
        }
        let is_out = passed.as_millis() % OUTAGES.as_millis() < OUTAGE.as_millis();
        is_out || self.dice.below(8) == 0
    }

    /// Every event comes once, in order, to one process, after all else has happened.
    pub(super) fn after(hold: Duration) -> Self {
        Self {
            is_orderly: true,
            hold,
            ..Self::of(0)
        }
    }

    pub(super) fn killing(mut self, call: usize, lost: Lost) -> Self {
        self.kill = Some((call, lost));
        self
    }

    pub(super) fn failing(mut self, failing: Failing) -> Self {
        self.failing = Some(failing);
        self
    }

    /// The same, with so many deliveries of every event.
    pub(super) fn repeating(mut self, copies: u64) -> Self {
        self.copies = Some(copies);
        self
    }

    /// The same, with nothing that takes longer than seconds.
    pub(super) fn at_once(mut self) -> Self {
        self.longest = 5_000;
        self
    }

    /// When the copies of an event are delivered, counted from now, and to which of two processes.
    pub(super) fn deliveries(&mut self, passed: Duration) -> Vec<(Duration, usize)> {
        if self.is_orderly {
            return vec![(self.hold.saturating_sub(passed), 0)];
        }
        let copies = self.copies.unwrap_or(1 + self.dice.below(4) / 3);
        (0..copies)
            .map(|_| {
                let process = usize::try_from(self.dice.below(2)).unwrap();
                // At once, within minutes, or after much else has happened.
                let longest = [1, 300_000, 7_200_000][usize::try_from(self.dice.below(3)).unwrap()];
                let longest = self.longest.min(longest);
                (Duration::from_millis(self.dice.below(longest)), process)
            })
            .collect()
    }

    /// How long a request or an answer is on its way.
    pub(super) fn way(&mut self) -> Duration {
        let longest = if self.is_orderly { 2 } else { 40 };
        Duration::from_millis(1 + self.dice.below(longest))
    }

    /// How long something takes that takes AWS from seconds to minutes.
    pub(super) fn while_aws_works(&mut self) -> Duration {
        let longest = if self.is_orderly { 1_000 } else { 400_000 };
        Duration::from_millis(1_000 + self.dice.below(self.longest.min(longest)))
    }
}
