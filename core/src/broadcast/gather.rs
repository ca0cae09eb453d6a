//! While much changes, news is collected at a few nodes, which send it on in full packets.

use crate::base::Ix;
use crate::claims::Standing;
use crate::mutants::mutated;
use crate::out::Out;
use crate::picture::Picture;
use crate::wire::Frame;

/// How many peers are looked at for one that this node reaches.
const LOOKED_AT: usize = 16;

/// Of each piece of news, whether it is the claim that goes with what its node says next.
fn accompanying(news: &[Frame]) -> impl Iterator<Item = bool> + use<'_> {
    let next = news.iter().skip(1).map(Some).chain([None]);
    news.iter().zip(next).map(|(frame, next)| match (frame, next) {
        (Frame::Claim(claim), Some(Frame::Record { delta, .. })) => {
            claim.standing == Standing::Alive && claim.life.id == delta.member
        }
        (Frame::Claim(claim), Some(Frame::Attribute { life, .. })) => {
            claim.standing == Standing::Alive && claim.life.id == life.id
        }
        _ => false,
    })
}

/// The node to which news is entrusted while there is much of it, or while this node is too new
/// to know; `None` if this node sends it. A newcomer entrusts it to its `contact`, which announces
/// the newcomer as well.
///
/// This node itself sends what was entrusted to it, and news that is little or urgent.
pub(crate) fn gatherer(
    picture: &Picture,
    out: &mut Out,
    contact: Option<Ix>,
    news: &[Frame],
) -> Option<Ix> {
    let pieces = news.len() - accompanying(news).filter(|&accompanies| accompanies).count();
    out.pace.count(&picture.timing, picture.now, pieces as u64);
    let gathered = out.pace.flushed(picture.now);
    let count = out.pace.gatherers(&picture.timing, picture.now);
    let off = mutated!(picture.config, GatherersOff);
    if count == 0 || gathered || off || news.len() > usize::from(u8::MAX) {
        return None;
    }
    let own = |frame: &Frame| matches!(frame, Frame::Record { .. } | Frame::Attribute { .. });
    if !news.iter().zip(accompanying(news)).all(|(frame, accompanies)| own(frame) || accompanies) {
        return None;
    }
    if contact.is_some() && out.pace.is_new(&picture.timing, picture.now) {
        return contact;
    }
    let share = (u64::from(picture.position(Ix::ME)) * count) >> 32;
    let place = u32::try_from((share << 32) / count).unwrap_or_default();
    let mut peers = picture.ring.interval(place, place).map(|(_, ix)| ix).take(LOOKED_AT);
    peers.find(|&ix| picture.is_direct(ix))
}
