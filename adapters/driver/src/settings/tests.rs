use super::*;

fn at(address: &str) -> Settings {
    Settings::new(address.parse().unwrap(), GroupKeys::published())
}

#[test]
fn traits_that_do_not_fit_are_refused_before_the_node_starts() {
    let mut settings = at("127.0.0.1:0");
    let value = "x".repeat(Traits::MAX_VALUE);
    settings.traits = Traits::default().with_tag("a", &value).unwrap();
    assert_eq!(settings.check(), Ok(()));
    settings.engine.limits.metadata = Some(100);
    let too_long = TraitsError::TooLong { len: settings.traits.len(), limit: 100 };
    assert_eq!(settings.check(), Err(SettingsError::Traits(too_long)));
    // The engine refuses this, and says so itself.
    settings.engine.max_datagram = Some(0);
    assert!(settings.check().is_err());
}

#[test]
fn seeds_of_the_other_family_are_told_and_refused_when_there_are_no_others() {
    let mut settings = at("[::1]:29999");
    let beyond: SocketAddr = "127.0.0.1:5".parse().unwrap();
    settings.seeds = vec![beyond.into(), "[::ffff:127.0.0.1]:5".parse().unwrap()];
    let bind = settings.bind.ip();
    assert_eq!(settings.check(), Err(SettingsError::SeedsOutOfReach { bind }));
    // What a name stands for shows later.
    settings.seeds[1] = "localhost:5".parse().unwrap();
    assert_eq!(settings.check(), Ok(()));
    assert_eq!(settings.seeds_out_of_reach().collect::<Vec<_>>(), [beyond]);
    settings.seeds = vec![beyond.into()];
    settings.bind = "127.0.0.1:0".parse().unwrap();
    assert_eq!(settings.check(), Ok(()));
    settings.seeds = vec!["[::1]:5".parse().unwrap()];
    let bind = settings.bind.ip();
    assert_eq!(settings.check(), Err(SettingsError::SeedsOutOfReach { bind }));
}

#[test]
fn the_published_key_stays_on_loopback() {
    let mut settings = at("[::1]:29999");
    assert_eq!(settings.check(), Ok(()));
    settings.advertise = vec!["10.0.0.1:0".parse().unwrap()];
    assert_eq!(settings.check(), Err(SettingsError::PublishedKey));
    settings.advertise.clear();
    settings.bind = "10.0.0.1:0".parse().unwrap();
    assert_eq!(settings.check(), Err(SettingsError::PublishedKey));
    settings.bind = "0.0.0.0:0".parse().unwrap();
    settings.advertise = vec!["127.0.0.1:0".parse().unwrap()];
    assert_eq!(settings.check(), Err(SettingsError::PublishedKey));
}
