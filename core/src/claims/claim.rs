//! What one node tells another of a node.

use crate::base::{Life, NodeId};
use crate::claims::Locator;

/// What is known about a node: the unit of membership evidence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The life that it is about.
    pub life: Life,
    /// Raised by the node itself to refute; orders claims about one life.
    pub incarnation: u32,
    /// What it is said to be.
    pub standing: Standing,
    /// For [`Standing::Down`]: the node that reached the verdict.
    pub accuser: Option<NodeId>,
    /// For [`Standing::Down`]: the verifiers that confirmed it.
    pub confirmed_by: [Option<NodeId>; 2],
    /// Seconds since it went down or left, as far as the sender knows; 0 if it lives. Says when the
    /// node may be forgotten, and does not take part in comparisons.
    pub age: u32,
    /// How it is named and reached in this life, if the sender says so. It does not take part in
    /// comparisons.
    pub locator: Option<Locator>,
}

impl Claim {
    /// What the first packet of a life says of its sender.
    pub(crate) const fn of_birth(life: Life, locator: Option<Locator>) -> Self {
        Self {
            life,
            incarnation: 0,
            standing: Standing::Alive,
            accuser: None,
            confirmed_by: [None; 2],
            age: 0,
            locator,
        }
    }
}

/// What a claim says. Of two claims of one life and incarnation the higher standing wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Standing {
    /// It lives.
    Alive = 0,
    /// It was found silent.
    Down = 1,
    /// It said that it goes.
    Left = 2,
}
