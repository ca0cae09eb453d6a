//! Listing the scenario files of a folder.

use std::path::Path;

use crate::console::{Outcome, print, tell};
use crate::files::{files_of, read};

/// Tells of each file; one that is wrong does not hide the others.
pub(crate) fn list(folder: &Path) -> Outcome {
    let (mut text, mut wrong) = (String::new(), Vec::new());
    for file in files_of(folder)? {
        let scenario = match read(&file) {
            Ok(scenario) => scenario,
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        text += &format!(
            "{:<32} {:>6} nodes  {}\n",
            file.display(),
            scenario.cluster.nodes,
            scenario.about
        );
    }
    print(text.as_bytes())?;
    for error in &wrong {
        tell(&format!("scalesmall-sim: {error}"));
    }
    match wrong.len() {
        0 => Ok(true),
        count => Err(format!("{}: files that are no scenarios: {count}", folder.display()).into()),
    }
}
