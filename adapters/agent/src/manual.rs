//! `scalesmall completions` and `scalesmall man`: what the command line says of itself.

use std::io::{self, Write as _};

use crate::cli::{CompletionsOptions, ManOptions};
use crate::configuration;
use crate::failure::Failure;

/// `scalesmall completions`.
pub(crate) fn completions(options: &CompletionsOptions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut configuration::command(),
        "scalesmall",
        &mut script,
    );
    match io::stdout().write_all(&script) {
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// `scalesmall man`.
pub(crate) fn pages(options: &ManOptions) -> Result<(), Failure> {
    let directory = &options.directory;
    clap_mangen::generate_to(configuration::command(), directory).map_err(|error| {
        Failure::new(format!("no manual pages in {}: {error}", directory.display()))
    })
}
