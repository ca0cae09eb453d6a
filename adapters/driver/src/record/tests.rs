use std::fs::File;
use std::net::UdpSocket;
use std::time::Instant as SystemInstant;

use super::*;
use crate::{GroupKeys, Node};

#[test]
fn a_recording_that_cannot_be_written_ends_and_is_told() {
    let path = std::env::temp_dir().join(format!("scalesmall-record-{}", std::process::id()));
    let settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
    let mut node = Node::start(&settings, |socket: UdpSocket| Ok(socket)).unwrap();
    File::create(&path).unwrap();
    // A file that is open for reading alone takes nothing.
    node.engine.tape = Some(Tape::onto(File::open(&path).unwrap(), u64::MAX).unwrap());
    let limit = SystemInstant::now() + Duration::from_secs(20);
    while node.recording_error().is_none() {
        let _ = (node.poll_event(), node.pump().unwrap());
        assert!(SystemInstant::now() < limit, "it goes on");
    }
    assert!(node.engine.tape.is_none());
    std::fs::remove_file(&path).unwrap();
    let _ = node.pump().unwrap();
}

#[test]
fn traits_and_draining_are_recorded_from_the_first_packet_on() {
    let path = std::env::temp_dir().join(format!("scalesmall-traits-{}", std::process::id()));
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), GroupKeys::published());
    settings.record = Some(path.clone());
    settings.traits = Traits::default().with_zone("z").unwrap();
    let mut node = Node::start(&settings, |socket: UdpSocket| Ok(socket)).unwrap();
    let traits = settings.traits.clone().with_tag("k", "v").unwrap();
    node.set_traits(traits.clone()).unwrap();
    node.set_draining(true);
    let nobody = NodeId::from_bits(7);
    assert!(!node.heard_from(nobody) && !node.failed_at(nobody));
    let _ = node.pump().unwrap();
    while node.poll_event().is_some() {}
    let me = node.peer(node.id()).unwrap();
    assert_eq!((&me.traits, me.draining.is_some()), (&traits, true));
    drop(node);
    let text = std::fs::read_to_string(&path).unwrap();
    let at = |call: &str| text.find(call).unwrap();
    assert!(at(" set_traits ") < at(" poll_transmit "), "{text}");
    assert!(text.contains(" heard_from 0000000000000007") && text.contains(" failed_at 0"));
    let replayed = crate::replay(text.as_bytes(), settings.keys.ring()).unwrap();
    let again = replayed.engine.peer(replayed.engine.id()).unwrap();
    assert_eq!((again.traits, again.draining), (me.traits, me.draining));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_recording_goes_on_when_the_configuration_and_the_keys_change() {
    let path = std::env::temp_dir().join(format!("scalesmall-config-{}", std::process::id()));
    let text = format!("{}\n{}\n", "11".repeat(32), "22".repeat(32));
    let keys = GroupKeys::parse(text.as_bytes()).unwrap();
    let mut settings = Settings::new("127.0.0.1:0".parse().unwrap(), keys);
    settings.record = Some(path.clone());
    let mut node = Node::start(&settings, |socket: UdpSocket| Ok(socket)).unwrap();
    let mut config = settings.config([9; 32]);
    let former = config.keys.primary();
    let next = config.keys.ids().find(|id| *id != former).unwrap();
    config.keys.set_primary(next).unwrap();
    config.keys.remove(former).unwrap();
    config.probe_interval *= 2;
    node.set_config(config).unwrap();
    node.contact(&["127.0.0.1:9".parse().unwrap()]);
    let _ = (node.pump().unwrap(), node.poll_event());
    let digest = format!("{:?}", node.stats());
    drop(node);
    let recording = io::BufReader::new(File::open(&path).unwrap());
    let replayed = crate::replay(recording, settings.keys.ring()).unwrap();
    assert_eq!(format!("{:?}", replayed.engine.stats()), digest);
    assert_eq!(replayed.engine.config().keys.primary(), next);
    std::fs::remove_file(&path).unwrap();
}
