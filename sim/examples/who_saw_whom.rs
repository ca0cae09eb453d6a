//! Prints an SVG of who saw whom before, in and after a partition: one square per moment, with a row for each node
//! that looks and a column for each node that is looked at.
//!
//! `cargo run -p scalesmall-sim --no-default-features --example who_saw_whom > sim/who-saw-whom.svg`

use std::time::Duration;

use scalesmall_core::Status;
use scalesmall_sim::{Failure, Sim, lan};

const NODES: usize = 20;
/// The side of the field of one pair, in pixels.
const FIELD: usize = 8;
const SQUARE: usize = NODES * FIELD;
const STEP: usize = SQUARE + 24;

fn main() -> Result<(), Box<Failure>> {
    let (seconds, all) = (Duration::from_secs, (0..NODES).collect::<Vec<_>>());
    let (left, right) = all.split_at(NODES / 2);
    let mut sim = Sim::new(7).nodes(NODES, lan()).build();
    sim.run_for(seconds(5))?;
    let mut squares = vec![square(&sim, "before the cut")];
    sim.partition(left, right);
    for (after, caption) in [(3, "3 s after the cut"), (3, "6 s after the cut")] {
        sim.run_for(seconds(after))?;
        squares.push(square(&sim, caption));
    }
    sim.heal();
    sim.run_until(Sim::converged, seconds(10))?;
    squares.push(square(&sim, "healed, without help"));

    let (width, height) = (squares.len() * STEP, SQUARE + 56);
    println!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">
<rect width="{width}" height="{height}" fill="#fff"/>"##
    );
    for (place, square) in squares.iter().enumerate() {
        println!(r#"<g transform="translate({} 12)">"#, place * STEP + 12);
        print!("{square}");
        println!("</g>");
    }
    for (place, status) in
        [Some(Status::Alive), Some(Status::Suspect), Some(Status::Unreachable), Some(Status::Down)]
            .into_iter()
            .enumerate()
    {
        let (x, y) = (place * STEP / 2 + 12, height - 8);
        let name = status.map_or("unknown", Status::name);
        println!(
            r#"<rect x="{x}" y="{}" width="10" height="10" fill="{}"/>"#,
            y - 9,
            colour(status)
        );
        println!(r##"<text x="{}" y="{y}" fill="#333">{name}</text>"##, x + 14);
    }
    println!("</svg>");
    Ok(())
}

/// One moment: fields of one colour that lie side by side are one rectangle.
fn square(sim: &Sim, caption: &str) -> String {
    let mut text = String::new();
    for by in 0..NODES {
        let row: Vec<_> = (0..NODES).map(|of| colour(seen(sim, by, of))).collect();
        let mut from = 0;
        for run in row.chunk_by(|one, next| one == next) {
            let (x, y, width) = (from * FIELD, by * FIELD, run.len() * FIELD);
            text += &format!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{FIELD}\" fill=\"{}\"/>\n",
                run[0]
            );
            from += run.len();
        }
    }
    text + &format!("<text y=\"{}\" fill=\"#333\">{caption}</text>\n", SQUARE + 16)
}

/// What a node shows of another; of itself that it is alive.
fn seen(sim: &Sim, by: usize, of: usize) -> Option<Status> {
    if by == of {
        return Some(Status::Alive);
    }
    sim.node(by)?.peer(sim.id(of)).map(|peer| peer.status)
}

const fn colour(status: Option<Status>) -> &'static str {
    match status {
        Some(Status::Alive) => "#7fbf7b",
        Some(Status::Suspect) => "#fee08b",
        Some(Status::Unreachable) => "#fdae61",
        Some(Status::Down) => "#d73027",
        _ => "#cccccc",
    }
}
