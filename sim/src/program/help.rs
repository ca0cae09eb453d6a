//! `scalesmall-sim help`: the page on scenario files, and the help of each verb.

use clap::{Args, Command};
use scalesmall_sim::scenario::files::PAGE;

use crate::console::{Outcome, print};

#[derive(Args)]
pub(crate) struct Help {
    /// A verb, or `scenarios` for the page on scenario files
    topic: Option<String>,
}

pub(crate) fn help(asked: &Help, mut program: Command) -> Outcome {
    let text = match asked.topic.as_deref() {
        Some("scenarios") => PAGE.to_owned(),
        Some(topic) => {
            program.build();
            match program.find_subcommand_mut(topic) {
                Some(verb) => verb.render_long_help().to_string(),
                None => {
                    let verbs = program.get_subcommands().map(Command::get_name);
                    let verbs: Vec<&str> = verbs.filter(|verb| *verb != "help").collect();
                    let verbs = verbs.join(", ");
                    return Err(format!("no help on {topic}: there is scenarios, {verbs}").into());
                }
            }
        }
        None => program.render_long_help().to_string(),
    };
    print(text.as_bytes())?;
    Ok(true)
}
