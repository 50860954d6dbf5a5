//! The budget and the kill switch, tripped in the middle of a burst.
