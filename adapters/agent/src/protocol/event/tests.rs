use scalesmall_core::{Cause, Epoch, Life, MulticastState, NodeName, Status};

use super::*;

#[test]
fn a_narrow_path_is_a_line_of_json_and_a_sentence_that_names_the_peer() {
    let peer = NodeId::from_bits(7);
    let name_of = |id| (id == peer).then(|| NodeName::try_from("10.0.0.1:7").expect("a name"));
    let event = Event::Path { peer, from: 1_200, to: 508 };
    let row = serde_json::to_value(EventRow::of(&event, &name_of)).expect("a row is JSON");
    assert_eq!((&row["event"], &row["peer"]["name"]), (&"path".into(), &"10.0.0.1:7".into()));
    assert_eq!(row["peer"]["id"], "0000000000000007");
    assert_eq!((&row["from"], &row["to"]), (&1_200.into(), &508.into()));
    let text = row["text"].as_str().expect("a sentence");
    assert!(text.contains("10.0.0.1:7") && text.contains("above 508 bytes"), "{text}");
}

#[test]
fn nodes_are_called_by_their_names_and_by_their_identities_where_those_are_unknown() {
    let [down, accuser, other] = [1, 2, 3].map(NodeId::from_bits);
    let event = Event::Peer {
        peer: Life { id: down, epoch: Epoch(5) },
        from: Some(Status::Alive),
        to: Some(Status::Down),
        cause: Cause::Confirmed { accuser, confirmed_by: [Some(other), None] },
    };
    let name_of = |id| {
        let name = if id == down { "cook" } else { "waiter" };
        (id != other).then(|| NodeName::try_from(name).expect("a name"))
    };
    let row = serde_json::to_value(EventRow::of(&event, &name_of)).expect("a row is JSON");
    assert_eq!((&row["id"], &row["name"]), (&"0000000000000001".into(), &"cook".into()));
    assert_eq!(row["by"][0], serde_json::json!({ "id": "0000000000000002", "name": "waiter" }));
    assert_eq!(row["by"][1], serde_json::json!({ "id": "0000000000000003", "name": null }));
    let text = "cook alive -> down: it was silent to waiter, confirmed by 0000000000000003";
    assert_eq!(row["text"], text);
    let again: EventRow = serde_json::from_value(row).expect("a row");
    assert!(matches!(again.what, What::Peer { peer, .. } if peer.shown() == "cook"));
}

#[test]
fn a_change_of_an_owner_is_a_line_of_json_and_a_sentence() {
    let group = GroupName::try_from("shards").expect("a name");
    let (member, range) = (NodeId::from_bits(7), KeyRange::new(0, 9).expect("in order"));
    let told = [OwnerChange::Served, OwnerChange::Down].map(|change| {
        let event = Event::OwnersChanged { group: group.clone(), range, member, change };
        serde_json::to_value(EventRow::of(&event, &|_| None)).expect("a row is JSON")
    });
    let fields = ["event", "group", "start", "end", "change", "serves"];
    let told = told.map(|row| (fields.map(|field| row[field].clone()), row["text"].clone()));
    let row = |change: &str, serves: bool| {
        let kind = ["owners_changed".into(), "shards".into(), 0.into(), 9.into()];
        let [event, group, start, end] = kind;
        [event, group, start, end, change.into(), serves.into()]
    };
    assert_eq!((&told[0].0, &told[1].0), (&row("served", true), &row("down", false)));
    assert_eq!(told[0].1, "shards: 0-9: 0000000000000007 owns it");
}

#[test]
fn a_block_of_multicast_is_a_line_of_json_and_a_sentence() {
    let event = Event::Multicast { from: MulticastState::Working, to: MulticastState::Silent };
    let row = serde_json::to_value(EventRow::of(&event, &|_| None)).expect("a row is JSON");
    let told = ["event", "from", "to"].map(|key| row[key].as_str().expect("a name"));
    assert_eq!(told, ["multicast", "working", "silent"]);
    assert!(row["text"].as_str().is_some_and(|text| text.contains("by unicast")), "{row}");
}
