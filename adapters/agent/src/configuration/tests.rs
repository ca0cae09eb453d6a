//! What counts, and what is refused. How a node is told of it, the tests of the program show.

use super::*;

/// A file of this test, removed when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("scalesmall-{name}-{}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("it is written");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What counts of a file, variables and options.
fn of(
    file: Option<&File>,
    variables: &[(&str, &str)],
    options: &[&str],
) -> Result<Configuration, Faults> {
    let line = ["node"].iter().chain(options);
    let matches = keys::node().try_get_matches_from(line).expect("options that make sense");
    let mut flags = Flags::new(&matches);
    flags.file = file.map(|file| file.0.clone());
    Configuration::new(&flags, &|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
    })
}

/// What is wrong with a file, one line for each fault.
fn faults(name: &str, text: &str) -> Vec<String> {
    let file = File::new(name, text);
    let Faults(faults) = of(Some(&file), &[], &[]).expect_err("it has faults");
    let shown = file.0.display().to_string();
    faults.iter().map(|fault| fault.to_string().replace(&shown, "file")).collect()
}

#[test]
fn each_source_counts_more_than_the_one_before() {
    let file = File::new("rising", "look_up_every = \"41s\"\nseed = [\"a\", \"b\"]\n");
    let variables = [("SCALESMALL_LOOK_UP_EVERY", "42s"), ("SCALESMALL_SEED", "c, d,,")];
    let option: &[&str] = &["--look-up-every", "43s", "--seed", "e"];
    let seeds = |found: &Configuration| {
        found.options.seed.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let found = of(None, &[], &[]).expect("defaults");
    assert_eq!((found.options.look_up_every.as_secs(), seeds(&found).as_str()), (30, ""));
    assert_eq!(found.source("seed"), Source::Default);
    let found = of(Some(&file), &[], &[]).expect("a file");
    assert_eq!(found.options.look_up_every.as_secs(), 41);
    assert_eq!(seeds(&found), "a:29999 b:29999");
    assert_eq!(found.source("seed"), Source::File { path: file.0.clone(), line: 2 });
    let found = of(Some(&file), &variables, &[]).expect("a file and variables");
    assert_eq!(found.options.look_up_every.as_secs(), 42);
    assert_eq!(seeds(&found), "c:29999 d:29999");
    assert_eq!(found.source("seed"), Source::Variable("SCALESMALL_SEED".to_owned()));
    let found = of(Some(&file), &variables, option).expect("all of them");
    assert_eq!((found.options.look_up_every.as_secs(), seeds(&found).as_str()), (43, "e:29999"));
    assert_eq!(found.source("seed"), Source::Flag("--seed".to_owned()));
}

#[test]
fn differences_from_the_preset_are_put_together_key_by_key() {
    let text = "[engine]\nverifiers = 4\nprobe_interval = \"2s\"\n[engine.limits]\nnodes = 50\n";
    let file = File::new("engine", text);
    let variables = [("SCALESMALL_ENGINE", "probe_interval=3s,limits.groups=60")];
    let option: &[&str] = &["--engine", "limits.groups=61", "--engine", "liveness=off"];
    let found = of(Some(&file), &variables, option).expect("all of them");
    let patch = found.engine.patch();
    assert_eq!(patch.verifiers, Some(4));
    assert_eq!(patch.probe_interval, Some(std::time::Duration::from_secs(3)));
    assert_eq!((patch.limits.nodes, patch.limits.groups), (Some(50), Some(61)));
    assert_eq!(patch.liveness, Some(scalesmall_core::Liveness::Off));
    let source = |path: &str| found.engine.source(path).map(ToString::to_string);
    let line = |line: u8| Some(format!("{}:{line}", file.0.display()));
    assert_eq!((source("verifiers"), source("limits.nodes")), (line(2), line(5)));
    assert_eq!(source("probe_interval").as_deref(), Some("SCALESMALL_ENGINE"));
    assert_eq!(source("limits.groups").as_deref(), Some("--engine"));
    assert_eq!(source("limits.events"), None);
}

#[test]
fn a_variable_of_the_original_counts_more_than_the_file_and_less_than_one_of_this_program() {
    let file = File::new("original", "bind = \"127.0.0.1:5\"\nno_multicast = true\n");
    let port = ("GROUP_MANAGER_PORT", "6");
    let found = of(Some(&file), &[port], &[]).expect("a file and a variable");
    assert_eq!(found.original(port.0), Some(&"6".into()));
    assert_eq!(found.source("bind").to_string(), "GROUP_MANAGER_PORT");
    for own in [
        of(Some(&file), &[port, ("SCALESMALL_BIND", "127.0.0.1:7")], &[]),
        of(Some(&file), &[port], &["--bind", "127.0.0.1:7"]),
    ] {
        let own = own.expect("all of them");
        assert_eq!((own.original(port.0), own.options.bind.map(|at| at.port())), (None, Some(7)));
    }
    let ttl = ("GROUP_MANAGER_MULTICAST_TTL", "3");
    assert!(of(Some(&file), &[port], &[]).expect("both").no_multicast());
    assert!(!of(Some(&file), &[ttl], &[]).expect("both").no_multicast());
    let option = of(Some(&file), &[ttl], &["--no-multicast"]).expect("all of them");
    assert_eq!((option.original(ttl.0), option.no_multicast()), (None, true));
}

#[test]
fn what_contradicts_a_weaker_source_makes_that_void() {
    let group = "multicast_group = \"239.1.1.1:5\"\nmulticast = true\n";
    let file = File::new("void", group);
    let found = of(Some(&file), &[], &["--no-multicast"]).expect("both");
    assert_eq!((found.options.multicast_group, found.options.multicast), (None, false));
    assert!(found.options.no_multicast);
    let found = of(Some(&file), &[], &["--multicast=false"]).expect("both");
    assert!(found.options.multicast_group.is_some() && !found.options.multicast);
    // What is not asked for contradicts nothing.
    let found = of(Some(&file), &[("SCALESMALL_NO_MULTICAST", "no")], &[]).expect("both");
    assert!(found.options.multicast);
}

#[test]
fn paths_in_a_file_are_beside_it() {
    let file = File::new("paths", "key_file = \"key\"\nstate = \"/var/state\"\n");
    let found = of(Some(&file), &[("SCALESMALL_RECORD", "here")], &[]).expect("paths").options;
    let beside = std::env::temp_dir();
    assert_eq!(found.key.key_file, Some(beside.join("key")));
    assert_eq!(found.state, Some("/var/state".into()));
    assert_eq!(found.record, Some("here".into()));
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let found = of(None, &[("SCALESMALL_SEED", ""), ("SCALESMALL_BIND", "")], &[]);
    let found = found.expect("nothing");
    assert_eq!((found.source("seed"), found.options.bind), (Source::Default, None));
}

#[test]
fn all_faults_of_a_file_are_told_with_their_line_and_what_to_do() {
    let text = "bind = \"somewhere\"\nseeds = [\"a\"]\nlook_up_every = 30\njoin = \"kitchen\"\n\
        send_rate = \"5\"\nverbose = \"yes\"\npreset = \"land\"\nkey-file = \"k\"\nconfig = \"other\"\n\
        no_multicast = true\nmulticast_ttl = 3\nrecord_files = 0\n\n[engine]\nprobe_intervall = \"2s\"\n\
        silence_window = \"2 minutes\"\nlimits.nodes = \"7\"\nverifiers = 300\nmulticast = true\n";
    let wanted = [
        "file:1: 'somewhere' is no value of 'bind': write an IP address",
        "file:2: there is no key 'seeds': did you mean 'seed'?",
        "file:3: 'look_up_every' is a text, not a whole number: write it as \"text in quotation",
        "file:4: 'join' is a list: write join = [",
        "file:5: 'send_rate' is a number, not a text: write it as digits without quotation marks",
        "file:6: 'verbose' is true or false, not a text",
        "file:7: 'land' is no value of 'preset': use one of lan, wan, local",
        "file:8: there is no key 'key-file': did you mean 'key_file'?",
        "file:9: a file cannot name another one by 'config'",
        "file:11: 'multicast_ttl' contradicts 'no_multicast' (file:10): remove one of them",
        "file:12: '0' is no value of 'record_files'",
        "file:15: there is no 'engine.probe_intervall': did you mean 'probe_interval'?",
        "file:16: \"2 minutes\" is no value of 'engine.silence_window': it is a whole number and its",
        "file:17: \"7\" is no value of 'engine.limits.nodes': it is a whole number of 0 to 4294967295",
        "file:18: 300 is no value of 'engine.verifiers': it is a whole number of 0 to 255",
        "file:19: 'engine.multicast' has a key of its own: set 'multicast' instead",
    ];
    let told = faults("faults", text);
    for (told, wanted) in told.iter().zip(wanted) {
        assert!(told.starts_with(wanted), "{told:?}, not {wanted:?}");
    }
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
}

#[test]
fn what_is_no_toml_and_what_is_no_file_is_told() {
    let told = faults("broken", "bind = \"127.0.0.1:0\"\nseed = [\n");
    assert!(told.len() == 1 && told[0].contains("this is not TOML"), "{told:?}");
    let told = faults("twice", "record_files = 1\nbind = \"127.0.0.1:0\"\nrecord_files = 2\n");
    assert!(told.len() == 1 && told[0].starts_with("file:3: "), "{told:?}");
    let told = faults("engine-text", "engine = 5\n");
    assert_eq!(told, ["file:1: 'engine' is a table: begin it with [engine]"]);
    let none = of(None, &[("SCALESMALL_CONFIG", "/nonexistent/file")], &[]);
    let Faults(faults) = none.expect_err("there is no such file");
    assert!(faults[0].to_string().starts_with("/nonexistent/file: "), "{faults:?}");
    let endless = of(None, &[("SCALESMALL_CONFIG", "/dev/zero")], &[]);
    let Faults(faults) = endless.expect_err("it is no file");
    assert!(faults[0].to_string().contains("/dev/zero"), "{faults:?}");
}

#[test]
fn faults_of_variables_and_options_name_them() {
    for (name, value, wanted) in [
        ("SCALESMALL_BIND", "x", "SCALESMALL_BIND: 'x' is no value of 'bind'"),
        ("SCALESMALL_VERBOSE", "maybe", "SCALESMALL_VERBOSE: 'maybe' is no value of 'verbose'"),
        ("SCALESMALL_ENGINE", "verifiers", "SCALESMALL_ENGINE: 'verifiers' sets nothing"),
        (
            "SCALESMALL_ENGINE",
            "limits.node=5",
            "SCALESMALL_ENGINE: there is no 'engine.limits.node'",
        ),
    ] {
        let Faults(faults) = of(None, &[(name, value)], &[]).expect_err("a fault");
        assert!(faults.len() == 1 && faults[0].to_string().starts_with(wanted), "{faults:?}");
    }
    let Faults(faults) = of(None, &[], &["--engine", "verifiers=9999"]).expect_err("a fault");
    assert!(faults[0].to_string().starts_with("--engine: 9999 is no value"), "{faults:?}");
}

/// A reader may meet any bytes.
#[test]
fn no_text_makes_the_reader_panic() {
    fn reads(text: Vec<u8>) -> bool {
        let file = File::new("any", "");
        std::fs::write(&file.0, text).expect("it is written");
        let _ = of(Some(&file), &[], &[]);
        true
    }
    for text in
        [&b""[..], b"\xff", b"\0", b"[engine", b"engine.engine.engine = {}", b"a.b.c = 1\n[a]\n"]
    {
        assert!(reads(text.to_vec()));
    }
    // Each beginning of a file that makes sense.
    let whole = "bind = \"127.0.0.1:0\"\nseed = [\"ä\", \"b\"]\n[engine.limits]\nnodes = 5\n";
    for end in 0..whole.len() {
        assert!(reads(whole.as_bytes()[..end].to_vec()));
    }
}
