//! Deliberate faults of the protocol, with which a simulator proves that its checks find what they
//! should. They exist with the feature `mutants` only.

/// Whether this mutant is active in something that has a field `mutant`. Without the feature that
/// is a constant, and the compiler drops what depends on it.
macro_rules! mutated {
    ($of:expr, $mutant:ident) => {{
        #[cfg(feature = "mutants")]
        let mutated = $of.mutant == Some(crate::mutants::Mutant::$mutant);
        #[cfg(not(feature = "mutants"))]
        let mutated = false;
        mutated
    }};
}
pub(crate) use mutated;

#[cfg(feature = "mutants")]
macro_rules! mutants {
    ($($(#[doc = $doc:literal])+ $name:ident,)+; $($(#[doc = $part:literal])+ $off:ident,)+) => {
        /// One thing that an engine does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Mutant {
            $($(#[doc = $doc])+ $name,)+
            $($(#[doc = $part])+ $off,)+
        }

        impl Mutant {
            /// All that break a rule.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Those that only leave out a part of the protocol for which other parts make up.
            pub const PARTS: &[Self] = &[$(Self::$off),+];

            /// Its name, as it is written here.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                    $(Self::$off => stringify!($off),)+
                }
            }

            /// The mutant of a name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                let mut all = Self::ALL.iter().chain(Self::PARTS).copied();
                all.find(|mutant| mutant.name() == name)
            }
        }
    };
}

#[cfg(feature = "mutants")]
mutants! {
    /// A copy from before a floor is added to, where it has to be replaced: what was removed and
    /// collected meanwhile stays.
    FloorIgnored,
    /// A suspect is pinged for ever and never called down.
    EndlessSuspicion,
    /// A node that is called down answers, but with the incarnation that was called down.
    IncarnationKept,
    /// A bound packet of a life that is over is taken for one of the present life.
    StaleReply,
    /// What a hop of the broadcast tree did not acknowledge is not sent again.
    RelayOnce,
    /// The node that asked a verifier forgets what it reports.
    WordForgotten,
    /// A node that is down is never tried again.
    DownForever,
    /// The highest packet number of a sender counts as new for as long as it is the highest.
    WindowOffByOne,
    /// A delta is applied although writes before it are missing.
    GapApplied,
    /// A report of a verifier is waited for as long as a LAN takes, whatever the round trip; a
    /// later one is not accepted.
    WaitIgnoresRoundTrips,
    /// A sender whose packet numbers are used up is not told so.
    NumberUnanswered,
    /// What was sent before its sender had proven itself, or before it was forgotten, is accepted.
    FloorForgotten,
    /// Datagrams stay as large as they are, though only small ones pass.
    SizeKept,
    /// Frames that say something to one receiver are accepted and passed on inside spreads.
    AnyFramePassedOn,
    /// Living nodes are refused by tables that are full of gone nodes.
    DeadFirst,
    /// A peer that was called down counts as fallen, whatever it says of itself.
    FallWithoutEvidence,
    /// A repair that has moved nothing begins again as soon as any other.
    RepairRestless,
    /// That a member serves its ranges again, as it is back, is not told by an event.
    ReturnUntold,
    ;
    /// Changes are not sent along the broadcast tree: they ride on other packets.
    TreeOff,
    /// What the broadcast tree did not deliver does not ride on other packets.
    PiggybackOff,
    /// A node that has caught up does not compare roots any more.
    RepairOff,
    /// News is never entrusted to a gatherer: each node sends its own.
    GatherersOff,
    /// A write that a multicast has shown to be missing is left to repair.
    GapsOff,
    /// What a node alone knows of the return of a lost peer it keeps to itself.
    ReturnsOff,
    /// The node half-way round the ring is probed every other time, even if it was silent a moment ago.
    DetourOff,
    /// No more verifiers are asked at the end of a window.
    LateVerifiersOff,
    /// Pings and pongs wait behind what is urgent.
    SecondQueueOff,
    /// A peer that falls again and again is shown as soon as it objects.
    HoldsOff,
    /// A copy that comes again is passed on again.
    TakenOff,
    /// The nodes that a silent speaker covers are left to its heir.
    RescueOff,
}
