//! Full tables: the living come before the gone.

use scalesmall_core::wire::{Frame, Standing};
use scalesmall_core::{Config, Destination, Engine, Epoch, GroupName, Life, Op, Status};
use scalesmall_hostile::{EPOCH, Holder, START, addr, config, drain, engine_with, id};

use crate::range;

fn with_room_for(nodes: u32) -> Config {
    let mut config = config();
    config.limits.nodes = nodes;
    config
}

fn said(number: u16, standing: Standing) -> Frame {
    said_of(number, EPOCH, standing)
}

fn said_of(number: u16, epoch: Epoch, standing: Standing) -> Frame {
    let life = Life { id: id(number), epoch };
    Frame::Claim(scalesmall_hostile::claim(life, 0, standing))
}

fn tell(engine: &mut Engine, holder: &mut Holder, frames: &[Frame]) {
    let packet = holder.packet(Some(engine.life()), frames);
    engine.handle_datagram(START, holder.arrival(), &packet).unwrap();
}

fn status(engine: &Engine, number: u16) -> Option<Status> {
    engine.peer(id(number)).map(|peer| peer.status)
}

/// One packet of invented ids fills the table; a node that proves itself is in at once.
#[test]
fn invented_nodes_make_room_for_one_that_has_proven_itself() {
    let mut engine = engine_with(1, with_room_for(32));
    let mut members: Vec<Holder> = (2..=5).map(Holder::new).collect();
    for member in &mut members {
        member.introduce(&mut engine);
    }
    let invented: Vec<Frame> = (200..260).map(|number| said(number, Standing::Alive)).collect();
    tell(&mut engine, &mut members[0], &invented);
    assert_eq!(engine.peers().count(), 31);
    for newcomer in 6..12 {
        Holder::new(newcomer).introduce(&mut engine);
        assert_eq!(status(&engine, newcomer), Some(Status::Alive));
        assert_eq!(engine.peers().count(), 31);
    }
    for member in 2..=5 {
        assert_eq!(status(&engine, member), Some(Status::Alive), "node {member}");
    }
}

/// Many more than there is room for come, are heard, and leave: those that stay are kept, and of the
/// gone those that went last.
#[test]
fn the_gone_make_room_longest_gone_first() {
    let mut engine = engine_with(1, with_room_for(16));
    let mut members: Vec<Holder> = (2..=5).map(Holder::new).collect();
    for member in &mut members {
        member.introduce(&mut engine);
    }
    for number in 10..170 {
        let mut passing = Holder::new(number);
        passing.introduce(&mut engine);
        assert_eq!(status(&engine, number), Some(Status::Alive), "node {number}");
        tell(&mut engine, &mut passing, &[said(number, Standing::Left)]);
        assert_eq!(status(&engine, number), Some(Status::Left));
        assert!(engine.peers().count() <= 15);
    }
    for member in 2..=5 {
        assert_eq!(status(&engine, member), Some(Status::Alive), "node {member}");
    }
    // What is said of the living makes the gone go as well.
    let later = Epoch(EPOCH.0 + 1);
    let living = (300..310).map(|number| said_of(number, later, Standing::Alive));
    tell(&mut engine, &mut members[0], &living.collect::<Vec<_>>());
    assert!((300..310).all(|number| status(&engine, number) == Some(Status::Alive)));
}

/// What another says of a life that this node may have forgotten does not count until that node has
/// answered.
#[test]
fn the_forgotten_are_asked_before_another_is_believed() {
    let mut engine = engine_with(1, with_room_for(3));
    let mut member = Holder::new(2);
    member.introduce(&mut engine);
    let mut passing = Holder::new(3);
    passing.introduce(&mut engine);
    tell(&mut engine, &mut passing, &[said(3, Standing::Left)]);
    Holder::new(4).introduce(&mut engine);
    assert_eq!((status(&engine, 3), status(&engine, 4)), (None, Some(Status::Alive)));
    tell(&mut engine, &mut member, &[said(4, Standing::Left), said(3, Standing::Alive)]);
    assert_eq!(status(&engine, 3), None);
    let asked =
        drain(&mut engine).datagrams.iter().any(|(to, _)| *to == Destination::Unicast(addr(3)));
    assert!(asked, "node 3 is asked whether it lives");
    passing.introduce(&mut engine);
    assert_eq!(status(&engine, 3), Some(Status::Alive));
}

/// The living that were heard fill the table: what is said of others is refused, and so are they.
#[test]
fn a_table_of_the_living_stays_as_it_is() {
    let mut engine = engine_with(1, with_room_for(4));
    let mut members: Vec<Holder> = (2..=4).map(Holder::new).collect();
    for member in &mut members {
        member.introduce(&mut engine);
    }
    tell(&mut engine, &mut members[0], &[said(9, Standing::Alive)]);
    assert_eq!((engine.stats().claims_refused, status(&engine, 9)), (1, None));
    assert!((2..=4).all(|member| status(&engine, member) == Some(Status::Alive)));
}

/// More groups than there is room for are joined and left by the node itself.
#[test]
fn own_groups_that_were_left_make_room() {
    let mut config = config();
    (config.limits.groups, config.limits.ranges, config.limits.ranges_per_record) = (4, 6, 3);
    let mut engine = engine_with(1, config);
    let name = |number: u32| GroupName::try_from(&*format!("session-{number}")).unwrap();
    for number in 0..40 {
        engine.join(START, &name(number)).unwrap();
        engine.leave(START, &name(number)).unwrap();
    }
    for start in 0..60 {
        engine.add_item(START, &name(0), range(start, start), 80).unwrap();
        engine.remove_item(START, &name(0), range(start, start), 80).unwrap();
    }
    assert!(engine.groups().count() <= 4);
    assert_eq!(engine.topology_of(&name(0), Op::Add).count(), 0);
    for start in 0..3 {
        engine.add_item(START, &name(0), range(start, start), 80).unwrap();
    }
    assert!(engine.add_item(START, &name(0), range(9, 9), 80).is_err());
}
