//! The wire format, specified: what a second implementation needs to talk to this one.
//!
//! A **packet** is the payload of one UDP datagram. It has a header, **frames**, and a tag that
//! proves that a holder of the group key wrote it. Integers are big-endian, except:
//!
//! - **varint**: groups of seven bits, the lowest first, one in each byte, bit 7 set in all bytes
//!   but the last (LEB128). At most 64 bits; always the fewest bytes; anything else is malformed.
//!   (The varints of QUIC would need a fourth byte from packet number 16,384 on, these from
//!   2,097,152 on, and QUIC's cannot name all clocks.)
//!
//! # Packet
//!
//! | bytes | field | |
//! |---|---|---|
//! | 1 | protocol | `0xa0` plus the version, which is [2](VERSION) |
//! | 1 | flags | `0x02` bound, `0x08` asks for an acknowledgement; the others are 0 |
//! | 2 | key id | the first bytes of SHA-256 of `scalesmall 2 key `, the suite (1) and the group key (32) that protects the packet |
//! | 2 | cluster tag | the first bytes of SHA-256 of `scalesmall 2 cluster `, a byte 1 if nodes [watch each other](crate::Liveness) or else 0, and the cluster's name |
//! | 8 | sender | its [id](#names-and-locators) |
//! | 8 | epoch | the sender's life |
//! | varint | packet number | from 1; no two packets of one life have the same |
//! | | frames | the payload; encrypted if the key is of suite *sealed* |
//! | 16 | tag | |
//!
//! A packet is at most [65,507](MAX_PACKET) bytes long, and at most as long as the sender is configured for (1,200 by
//! default). A packet without frames is legal: it is there for its header.
//!
//! A node accepts a packet if, in this order: it is not too long; it begins with `0xa0` to `0xaf`;
//! its version is spoken here; its header is complete and well formed and leaves room for a tag;
//! its cluster is the receiver's own; the receiver holds its key; the tag is right; *all* of its frames are
//! well formed; the sender's epoch is neither in the past nor [implausibly far
//! ahead](crate::Epoch::horizon); and the packet number is fresh (below). Any other packet changes
//! one counter, named after the first test that failed, and nothing else.
//!
//! **Version rule.** A node refuses packets of a version that it does not speak. A change of the format that a node of
//! the version before would misread takes the next version. All that may change within a version is that types of
//! frames are added, with the next free numbers, and only such that nothing goes wrong at a node that skips them.
//!
//! # Suites and keys
//!
//! A group key is 32 random bytes and a suite, which is one byte: `0x01` authenticated or `0x02` sealed. A node holds
//! up to [eight](crate::Keyring::MOST) of them, accepts all of these, and sends with one.
//!
//! With `HKDF` as in RFC 5869 over SHA-256, the key of a sender for its life is
//!
//! ```text
//! root = HKDF-Extract(salt: "scalesmall 2 packet " | cluster name, ikm: the 32 bytes)
//! key  = HKDF-Expand(root, info: suite | id | epoch, length: 32)
//! ```
//!
//! and with `header` for all bytes before the frames, a packet is protected by
//!
//! ```text
//! authenticated:  tag         = the first 16 bytes of HMAC-SHA-256(key, header | frames | receiver)
//! sealed:         frames, tag = AES-256-GCM-SIV(key, nonce: 00000000 | packet number in 8 bytes,
//!                                               associated data: header | receiver, text: frames)
//! ```
//!
//! (RFC 2104; RFC 8452.) The tag of a sealed packet is one over the frames in clear, so a receiver decrypts
//! first and believes nothing before it has checked the tag. [Why this cipher](crate::seal#which-cipher).
//! `receiver` is the id and the epoch of the receiver, 8 bytes each, if the packet is
//! **bound**, else nothing; it is never sent. So a bound packet proves that its sender has heard
//! from this very life of the receiver, and it is void in all later ones. The tag covers the flag,
//! so neither kind passes for the other. Tags are compared in constant time. No
//! packet number is used twice in a life; where a machine was set back and one is, two sealed packets
//! show whether their headers, receivers and frames are the same, and nothing else. An embedder that starts a
//! life must make sure that its epoch was never used before.
//!
//! **Bound of a key.** RFC 8452 (section 9) advises at most 2^49 texts of up to 1 MiB under one key, with no
//! nonce used more than 256 times. A key serves one life of one sender, whose packets are shorter and have each
//! their own number: a life that sends 100,000 packets a second reaches that after 178 years.
//!
//! A node keeps a sliding window of 64 packet numbers for each sender and
//! epoch, and a wider one of 1,024 for a while where packets overtake each other by more. A number
//! is accepted once, and not at all if it lies below the window. An *unbound* packet counts only if
//! its sender is proven, by a bound packet in the same life or by another node's
//! [`Vouch`](Frame::Vouch), and only if its number lies above that of the bound packet, or of the
//! vouch: below, it may be a recording.
//!
//! **Refused numbers.** An authentic packet whose number is used up is answered, at most once a second
//! for each sender, unless it is a copy of the one with the highest number: a *bound* one with
//! [`Counted`](Frame::Counted), an *unbound* one that came by unicast with a
//! [`Challenge`](Frame::Challenge). `Counted` counts only in a bound packet to one
//! receiver, outside spreads and numbered frames. If it quotes an unanswered ping of the receiver,
//! it is evidence of life, as a pong is. A receiver that has not sent the highest number in its
//! present life, or remembers another tag for it or for the packet that is refused, begins a new
//! life, after the same back-off as for [`Duplicate`](Frame::Duplicate). It remembers the tags of
//! its last 1,024 packets; any number before those counts as its own.
//!
//! A ping that is accepted after a packet with a higher number is answered with `Counted` beside
//! the pong. That `Counted` quotes the packet with the highest number twice, and none that is
//! refused.
//!
//! If a *bound* packet is refused for its number, its pong, challenge or `Counted` is still
//! accepted if it quotes an unanswered ping of the receiver to that sender, which nobody can have
//! recorded. Nothing else of the packet is accepted, and the window stays as it is.
//!
//! **After forgetting.** A node that has forgotten others keeps the highest of their epochs. A
//! sender with an epoch not above that, which has not proven itself since, is accepted only with a
//! bound packet that quotes, in a pong, a challenge or a `Counted`, a packet that the node sent
//! after it last forgot somebody. Other bound packets of it are answered with a challenge and a
//! ping.
//!
//! # Frames
//!
//! A frame begins with its **type** in one byte. (An attribute has a **kind**: [below](#attributes).) A frame of a type
//! up to `0x0f` has the fields below and no length; one of such a type that is not listed is malformed. In a frame of
//! any other type a varint follows with the length of the rest of the frame, and a reader that does not know the
//! type skips the frame. A frame of a known type must end where its fields end. A packet has at most [1,024](MAX_FRAMES) frames, skipped ones included, tables not.
//!
//! | type | frame | fields |
//! |---|---|---|
//! | `0x01` | [`Ping`](Frame::Ping) | root (8) |
//! | `0x02` | [`Pong`](Frame::Pong), roots equal | packet number (varint) |
//! | `0x03` | [`Pong`](Frame::Pong), roots differ | packet number (varint), root (8); to another life of the sender's id: that of the ping |
//! | `0x04` | [`Ack`](Frame::Ack) | packet number (varint) |
//! | `0x05` | [`Challenge`](Frame::Challenge) | packet number (varint) |
//! | `0x10` | table of ids | one or more entries: bits (1: `0x01` with epoch), id (8), epoch (8) if said |
//! | `0x11` | table of groups | one or more entries: length (1, not 0), name |
//! | `0x12` | [`Claim`](Frame::Claim) | claim: life, incarnation (varint), bits (1), then an id for each bit of `0x04` accuser, `0x08` and `0x10` confirmed by; then the age in seconds (varint, not 0) for bit `0x20`; then a [locator](#names-and-locators) for bit `0x40`; the low two bits are 0 alive, 1 down, 2 left |
//! | `0x13` | [`Record`](Frame::Record) | group, life of the owner, since, floor, clock less since, target less clock (4 varints), writes to the end |
//! | `0x14` | [`Attribute`](Frame::Attribute) | life, kind (1), version (varint), at most [512](MAX_ATTRIBUTE) bytes to the end |
//! | `0x15` | [`Slow`](Frame::Slow) | life of the node that will be slow, milliseconds (varint) |
//! | `0x16` | [`Message`](Frame::Message) | life of the origin, sequence (varint), tag (varint), 0 or the group plus 1 (varint), bytes to the end |
//! | `0x17` | [`Spread`](Frame::Spread) | route (1: 0 ring, 1 ring in a group, 2 list, 3 and 4 as 0 and 1 with those whom a speaker covers), hops (1), frames (1, not 0), how many packets ago it was tried first (varint, 0 in a first try), then if that is not 0 how many spreads came before it there (varint), then from (4) and until (4) and for routes 1 and 4 the group, or ids to the end |
//! | `0x18` | [`Verify`](Frame::Verify) | life of the suspect, milliseconds (varint) |
//! | `0x19` | [`Verdict`](Frame::Verdict), a verifier's report | life of the suspect, finding (1: 0 looking, 1 answers, 2 silent) |
//! | `0x1a` | [`Suspicion`](Frame::Suspicion) | none |
//! | `0x1b` | [`Want`](Frame::Want) | group, life of the owner, since (varint) |
//! | `0x1c` | [`Ranges`](Frame::Ranges) | to the end: from less the `to` before plus 1 (varint), to (8), sum (8), count (varint) |
//! | `0x1d` | [`Holdings`](Frame::Holdings) | from (8), to (8), answer (1: 0 or 1), then three lists, each after its length (varint): claims; group, life, clock (varint); life, kind (1), version (varint), fingerprint (4) |
//! | `0x1e` | [`Heard`](Frame::Heard) | id of the speaker, ids to the end |
//! | `0x1f` | [`Vouch`](Frame::Vouch) | life, packet number (varint) |
//! | `0x20` | [`Duplicate`](Frame::Duplicate) | epoch (8) |
//! | `0x21` | [`Beat`](Frame::Beat) | sequence (varint) |
//! | `0x22` | [`Numbered`](Frame::Numbered) | sequence (varint), frames (1) |
//! | `0x23` | [`Missed`](Frame::Missed) | since (varint), silent (1: 0 or 1) |
//! | `0x24` | [`Coded`](Frame::Coded) | from (8), to (8), count (varint), [cells](#coded-symbols) (8 each) to the end |
//! | `0x25` | [`Lacking`](Frame::Lacking) | from (8), to (8), [elements](#coded-symbols) (5 each) to the end |
//! | `0x26` | [`Padding`](Frame::Padding) | any bytes to the end |
//! | `0x27` | [`Narrow`](Frame::Narrow) | none |
//! | `0x28` | [`TooLarge`](Frame::TooLarge) | packet number (varint), bytes of the longest payload that the sender passes on (2) |
//! | `0x29` | [`Undelivered`](Frame::Undelivered) | sequence of the message (varint), bytes of the longest payload that passes (2) |
//! | `0x2a` | [`Counted`](Frame::Counted) | number of the refused packet (varint), the first bits of its tag (2), highest packet number (varint), the first bits of that packet's tag (2) |
//! | `0x2b` | [`Seen`](Frame::Seen) | address (4 or 16), port (2) |
//! | `0x2c` | [`Drains`](Frame::Drains) | stamp (varint) |
//! | `0x2d` | [`Noted`](Frame::Noted) | stamp of the receiver (varint), of the sender or 0 (varint) |
//!
//! **Tables.** An *id*, a *life* and a *group* are varints that index a table of the packet. The
//! tables come before all other frames, ids first; each may be left out, and no other frame adds to
//! them, so that skipping a frame changes no index. Index 0 of the table of ids is the sender in its
//! epoch, and the entries follow from 1 on; groups count from 0. A life needs an entry with an
//! epoch, an id does not care. What lies beyond a table is malformed.
//!
//! **Writes.** Each is: clock less the clock before, at first less *since* (varint, not 0); bits (1):
//! 1 add, 2 remove or 3 get in the low two, `0x04` all keys, `0x08` with a port; start (4) and end
//! (4) unless all keys; port (2) if said, then not 0. The last clock is at most that of the record.
//! All keys are never spelt out.
//!
//! **Incarnations, milliseconds and tags** have at most 32 bits. `from` lies at or below `to` in
//! ranges, holdings, coded and lacking; the differences in ranges wrap, and before the first range `to` counts as
//! 2^64 - 1. A clock or target that does not fit 64 bits is malformed.
//!
//! **Spreads and numbered batches** do not nest, and the frames that they announce must be there.
//! Those may be claims, records, attributes, `Slow`, messages, `Heard` and `Vouch`. A frame of any other
//! known type among them is malformed, because it says something to one receiver or about one
//! packet. Frames of unknown types count among them, but are not passed on by a node that does not
//! know them; it lowers the number by those, and ignores a spread of which nothing is left.
//!
//! # Names and locators
//!
//! A node has a **name**: 1 to 63 bytes of UTF-8 without control characters. Its **id** is the first 8
//! bytes of SHA-256 of `scalesmall 2 node `, the cluster's name, a byte 0 and the node's name.
//!
//! A **locator** says how a node is named and reached:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 1 | head | the low two bits are the number of addresses less one; `0x04` a name follows; `0x10`, `0x20`, `0x40` and `0x80`: the first, second, third and fourth address is IPv6; `0x08` is 0 |
//! | 1 | length of the name | if one follows, 1 to 63 |
//! | | name | if one follows |
//! | 6 or 18 each | addresses | address (4 or 16), port (2); the preferred one first, none twice |
//!
//! A node that is named after its only address says no name: its name is the address as text, an IPv6
//! address in brackets and as in RFC 5952, and the port behind a colon. Such a name is never spelt
//! out, and an IPv4 address is never written in its IPv6-mapped form; anything else is malformed. A
//! locator whose name has another id than the node that the claim is about, or with an address to
//! which nobody can send, is not used; without one, a claim about a node that is not known is not taken
//! either. A node that gets a record of a node that it does not know asks for that record from the beginning
//! (a [`Want`](Frame::Want) since 0), and the answer to that begins with the claim.
//!
//! A node may be reached at the addresses of the locator with its highest incarnation; until it has said one
//! in its present life, its last one counts, and claims about it repeat that. Of two locators in one
//! incarnation each node keeps the one that it has, unless the other is the node's own word, and tells both to the
//! node that they are about, which raises its incarnation. An address at which a node was heard in its present
//! life, by a bound packet, is used until it is heard at another address of its locator, whatever is said. A *bound* packet of an unknown node that carries no claim about its sender counts if the sender is
//! named after the address that the packet came from; else it is answered, as limited as challenges are,
//! with a claim about the sender without a locator, to which the sender answers with its own.
//!
//! [`Seen`](Frame::Seen) tells the receiver that a packet of it came from an address that is not in its
//! locator. It counts only in a bound packet to one receiver, which need not do anything.
//!
//! # Attributes
//!
//! | kind | bytes |
//! |---|---|
//! | 0 | metadata: as the application likes |
//! | 1 | traits: fields, each its type (1), the length of the rest (1), and the rest; sorted by type, then by the rest |
//! | 2 | nothing, or, if the node drains, its stamp (8): one above the highest that it knows |
//! | 3 | which keys the node has |
//!
//! Fields of traits: type 1 is the zone (1 to 63 bytes of text), 2 the weight (2, not 0), 3 a tag: length of
//! its key (1), the key (1 to 63 bytes of text), its value (0 to 191 bytes of text). Text is UTF-8 without
//! control characters. There may be several tags, each with another key. A reader keeps what it does not
//! know, and ignores fields that it cannot read.
//!
//! Kinds up to 7 are set aside for this table. Of kinds from 8 on a node keeps eight of each other node.
//!
//! **Draining.** A node that drains sends `Drains` to the other owners of its keys, until each has
//! answered with `Noted`; both count only in a bound packet to one receiver, outside spreads and numbered
//! frames. A node that has answered must not begin to drain with a stamp at or below the one that it has
//! noted. It need not answer a stamp that lies far above all that it knows, and does not once it has said
//! that it leaves.
//!
//! # Keys that travel
//!
//! The attribute of kind 3 says which keys a node holds:
//!
//! | bytes | field | |
//! |---|---|---|
//! | 1 | flags | `0x01` it can open a wrapped key; the others are 0, and ignored |
//! | 2 | key id | the key that it sends with |
//! | 1 | count | how many keys follow, at most 8: all that it holds and has not marked as leaked |
//! | 1 | replaced | bit *n*, from the lowest one on, belongs to key *n* of those that follow, counted from 0: the node has used it and gone to a higher one; the bits beyond the count are 0, and ignored |
//! | 6 each | keys | key id (2), generation (4); written by rising id, and read in any order |
//! | 0 or 57 | offer | a wrapped key |
//!
//! Anything else is as if it had said nothing. A **wrapped key** is the id of the key that opens it (2), the id of the
//! key in it (2), its generation (4), its suite (1), its 32 bytes encrypted, and a tag (16). With `root` as
//! above, of the key that opens it:
//!
//! ```text
//! key            = HKDF-Expand(root, info: "wrap", length: 32)
//! encrypted, tag = AES-256-GCM-SIV(key, nonce: 00000000 | generation in 8 bytes,
//!                                  associated data: id in it | generation | suite, text: the 32 bytes)
//! ```
//!
//! So the same two keys make the same bytes at every node. When which node offers, takes, uses and drops a key:
//! see [the protocol](crate::protocol#keys-exactly).
//!
//! # Sizes
//!
//! [`Padding`](Frame::Padding) says nothing; its bytes are 0, and a reader does not look at them. It comes
//! beside a ping that fills a datagram: the pong says that the size passes.
//!
//! [`Narrow`](Frame::Narrow), [`TooLarge`](Frame::TooLarge) and [`Undelivered`](Frame::Undelivered) are
//! about one path, one packet and one life. They count only in a bound packet to one receiver and are
//! ignored elsewhere.
//!
//! - `Narrow`: the receiver should find out which size passes to the sender, and send it no more
//!   than 508 bytes until it has. The frame may be repeated; a search that has just ended need not
//!   be.
//! - `TooLarge` acknowledges a packet as `Ack` does, once the sender has applied it. If a spread in
//!   that packet has a message whose payload is longer than the bytes said, the receiver has to
//!   send the frames to the rest of the part itself, and must not give that part to another node as
//!   if nobody had it. A spread that ends at the sender of `TooLarge` is acknowledged as usual.
//! - `Undelivered`: goes to the origin of a message, from a node that could not send it to some
//!   node, or could not serve the rest of a part. The origin tells its application, once per
//!   message, how many bytes would have passed; it need not send anything.
//!
//! A node that does not know these frames goes on as if they had not come: it takes `TooLarge` for
//! no acknowledgement, so it tries again and then gives the part to another node, as if the packet
//! had been lost.
//!
//! # Fingerprints and routes
//!
#![doc = include_str!("fingerprints.md")]
//!
//! # Coded symbols
//!
//! `fold(a, b)` is the exclusive-or of the halves of the 128-bit product of two 64-bit words. The
//! **element** of a fingerprint *f* has the first 40 bits of *f*, and as its last 24 bits those of
//! `fold(e ^ 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)`, where *e* is *f* with its last 24
//! bits cleared. [`Lacking`](Frame::Lacking) names an element by the first 40 bits.
//!
//! A cell is the exclusive-or of the elements that are folded into it. An element *x* is folded into
//! cell 0 and, from each cell *i* that it is folded into, into cell *i* + *g*, where *g* is the least
//! whole number, not below 1, that is at least (*i* + 3/2) (2^32 / *s* - 1); *s* is the whole part of
//! the square root of *r*, but at least 1, and *r* begins as *x* and becomes
//! `fold(r ^ 0xa0761d6478bd642f, 0xe7037ed1a0b428db)` before each step (Yang, Gilad, Alizadeh:
//! *Practical Rateless Set Reconciliation*, SIGCOMM 2024, section 4.2).
//!
//! # Limits of a reader
//!
//! A reader allocates nothing from a length that a packet claims before it knows that many bytes to
//! be there, and it checks the length of a list against its shortest element. A payload of *n*
//! bytes never makes a reader hold more than 40 *n* bytes and [1,024](MAX_FRAMES) [`Frame`]s.
//!
//! # What an embedder needs of it
//!
//! Nothing but [`WireError`], the reason for which a datagram is refused. The other items are for programs that read or
//! write packets themselves, such as simulators, dissectors and tests: [`Header::parse`] needs no key; a [`Decoder`]
//! turns what an [`Opener`](crate::seal::Opener) has opened into [`Frame`]s, and a [`Writer`] writes frames as a packet.
//!
//! # Known answers
//!
#![doc = include_str!("vectors.md")]

mod decode;
mod frame;
mod kind;
mod table;
mod writer;

pub use crate::claims::{AttributeKind, Claim, Standing};
pub use crate::packet::{Header, MAX_PACKET, TAG_LEN, VERSION, WireError};
pub use decode::Decoder;
pub(crate) use frame::is_message;
pub use frame::{
    AttributeVersion, Coded, Finding, FirstTry, Frame, Holdings, Lacking, Message, RangeSum,
    RecordVersion, Route, Spread,
};
pub use writer::{Refused, Writer};
pub(crate) use writer::{attribute_version_cost, claim_cost, record_version_cost};

/// The most frames of a packet, the two tables not counted.
pub const MAX_FRAMES: usize = 1_024;

/// The most bytes of an attribute.
pub const MAX_ATTRIBUTE: usize = 512;

/// The most that header, tag and the longest [`Frame::Spread`] without a group take of a packet.
pub(crate) const OVERHEAD: usize = Header::MAX_LEN + TAG_LEN + 48;

/// The most that a packet with one [`Frame::Message`] without a group has beside the payload.
pub const MESSAGE_OVERHEAD: usize = OVERHEAD + 64;

/// The bytes of a packet with nothing but a [`Frame::Challenge`] of packet number `packet`.
pub(crate) fn challenge_len(header: &Header, packet: u64) -> usize {
    header.encoded_len() + 1 + crate::packet::varint_len(packet) + TAG_LEN
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
