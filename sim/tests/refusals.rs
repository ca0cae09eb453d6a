//! What a scenario file must not say, and how it is refused: with the line and a remedy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to stop")]

use scalesmall_sim::scenario::Scenario;

const SMALL: &str = r#"
name = "small"
seeds = 3
[cluster]
nodes = 5
[[steps]]
crash = { nodes = 1 }
[[steps]]
await = { what = "sight", within = "20s", figure = "crash" }
[[bars]]
figure = "crash"
of = "max"
at_most = "8s"
"#;

fn wrong(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from));
    SMALL.replace(from, to).parse::<Scenario>().unwrap_err().to_string()
}

/// A step about nobody would pass, and meet every bar, whatever the engine does.
#[test]
fn a_step_about_nobody_is_refused_with_line_and_remedy() {
    for step in [
        "crash = {}",
        "restart = {}",
        "split = {}",
        "wall_clock = { behind = \"1s\" }",
        "serve = { picked = true }",
        "send = { messages = 1, to = \"listed\", figure = \"mail\" }",
        "await = { what = \"split\", within = \"1s\" }",
        "timeline = { lasts = \"2s\", events = [{ at = \"1s\", do = { crash = {} } }] }",
    ] {
        let error = wrong("crash = { nodes = 1 }", step);
        assert!(error.contains("line 7: no step before has picked nodes"), "{error}");
        // What is picked before is enough.
        let after = format!("message = {{}}\n[[steps]]\n{step}");
        assert!(
            SMALL.replace("crash = { nodes = 1 }", &after).parse::<Scenario>().is_ok(),
            "{step}"
        );
    }
    for step in [
        "crash = { nodes = 0 }",
        "pause = { percent = 0 }",
        "slow = { nodes = 0, pace = \"1s\" }",
        "serve = { nodes = 0 }",
        "between = { percent = 0, and = 5 }",
        "stalls = { nodes = [1, 0], on = [\"1s\"], off = [\"1s\"], how = [\"drain\"], lasts = \"9s\" }",
    ] {
        let error = wrong("crash = { nodes = 1 }", step);
        assert!(error.contains("line 7: 0 are nobody") && error.contains("1 or more"), "{error}");
    }
}

/// A table of results has a line for each figure, with `|` between what it says.
#[test]
fn a_figure_that_breaks_a_table_is_refused_with_line_and_remedy() {
    for name in ["", " ", "a|b", "a\\nb", "a\\tb"] {
        let named = format!("figure = \"{name}\" }}");
        let error = wrong("figure = \"crash\" }", &named);
        assert!(error.contains("line 9: a figure is known by its name"), "{error}");
        assert!(error.contains("on one line, without |"), "{error}");
    }
}

/// Nobody who writes a file knows what a number is called in the program.
#[test]
fn a_number_out_of_bounds_is_refused_with_line_and_bounds() {
    for (from, to, line, most) in [
        ("seeds = 3", "seeds = 99999999999", "line 3", "0 to 4294967295"),
        ("seeds = 3", "seeds = \"3\"", "line 3", "0 to 4294967295"),
        ("nodes = 5", "nodes = 5.0", "line 5", "a whole number, 0 or more"),
        ("nodes = 5", "nodes = -5", "line 5", "a whole number, 0 or more"),
        ("nodes = 5", "nodes = 5\nzones = 70000", "line 6", "0 to 65535"),
        ("nodes = 5", "nodes = 5\nsettings = { verifiers = 300 }", "line 6", "0 to 255"),
        ("nodes = 1 }", "nodes = 1.5 }", "line 7", "a whole number, 0 or more"),
    ] {
        let error = wrong(from, to);
        assert!(error.contains(line) && error.contains("expected a whole number"), "{error}");
        assert!(error.contains(most), "{error}");
    }
}
