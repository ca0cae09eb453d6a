//! Prints every change in a cluster, until Enter is pressed; then says goodbye.
//!
//! `cargo run -p scalesmall-smol --example watch-smol -- 127.0.0.1:4000 127.0.0.1:4001` runs a
//! node on the first address and contacts the others.

use std::error::Error;

use scalesmall_smol::{Event, GroupKeys, Node, Settings};

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(watch())
}

async fn watch() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let bind = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let mut settings = Settings::new(bind, GroupKeys::published());
    for seed in arguments {
        settings.seeds.push(seed.parse()?);
    }
    let mut node = Node::bind(&settings)?;
    println!("node {} is up at {}", node.my_name(), node.my_address());

    let handle = node.handle();
    std::thread::spawn(move || {
        // Without a terminal there is no goodbye to wait for.
        if std::io::stdin().read_line(&mut String::new()).is_ok_and(|len| len > 0) {
            // The node may have ended by itself.
            let _ = handle.call(|node| node.depart()).wait();
        }
    });
    loop {
        let event = node.next_event().await?;
        println!("{event}");
        if matches!(event, Event::Departed { .. }) {
            return Ok(());
        }
    }
}
