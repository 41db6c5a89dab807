//! What is said of a configuration that is wrong.

use super::*;

#[test]
fn an_unknown_key_is_an_error_with_its_line_and_what_was_meant() {
    for (toml, error) in [
        (
            "# limits\n\n[server]\nlisten = \"127.0.0.1:1\"\n\n[limits]\nidle_timeuot = \"1m\"\n",
            "gatepost.toml:7: unknown key limits.idle_timeuot; did you mean idle_timeout?",
        ),
        (
            "[server]\nidle_timeout = \"1m\"\n",
            "gatepost.toml:2: unknown key server.idle_timeout; did you mean limits.idle_timeout?",
        ),
        (
            "[logs]\nlevl = \"INFO\"\n",
            "gatepost.toml:2: unknown key logs.levl; did you mean level?",
        ),
        (
            "limits.drian = \"1m\"\n",
            "gatepost.toml:1: unknown key limits.drian; did you mean drain?",
        ),
        (
            "[limits]\nspeed = 1\n",
            "gatepost.toml:2: unknown key limits.speed",
        ),
        (
            "\n[limit]\nidle_timeout = \"1m\"\n",
            "gatepost.toml:2: unknown key limit; did you mean limits?",
        ),
        ("[a.b.c]\nd = 1\n", "gatepost.toml:1: unknown key a"),
        (
            "drain = \"1m\"\n",
            "gatepost.toml:1: unknown key drain; did you mean limits.drain?",
        ),
    ] {
        assert_error(toml, &EMPTY, error);
    }
    assert_error(
        "",
        &[("GATEPOST_LIMITS__IDLE_TIMEUOT", "1m")],
        "GATEPOST_LIMITS__IDLE_TIMEUOT: unknown key limits.idle_timeuot; did you mean \
         idle_timeout?",
    );
    assert_error(
        "",
        &[("GATEPOST_FOO__BAR", "1")],
        "GATEPOST_FOO__BAR: unknown key foo",
    );
    assert_error(
        "",
        &[("GATEPOST_LIMITS_IDLE_TIMEOUT", "1m")],
        "GATEPOST_LIMITS_IDLE_TIMEOUT: write GATEPOST_LIMITS__IDLE_TIMEOUT: two underscores stand \
         between section and key",
    );
}

#[test]
fn a_wrong_value_is_an_error_that_says_what_is_expected() {
    for (toml, error) in [
        (
            "[limits]\nidle_timeout = 600\n",
            "gatepost.toml:2: limits.idle_timeout: expected a duration such as \"10m\", from 1s to \
             365d, found 600",
        ),
        (
            "[limits]\nintegration_timeout = \"0s\"\n",
            "gatepost.toml:2: limits.integration_timeout: expected a duration such as \"10m\", \
             from 1ms to 1h, found \"0s\"",
        ),
        (
            "[limits]\noutbox_bytes = 1023\n",
            "gatepost.toml:2: limits.outbox_bytes: expected a size such as 131072 or \"128KiB\", \
             from 1KiB to 1GiB, found 1023",
        ),
        (
            "[limits]\noutbox_bytes = -1\n",
            "gatepost.toml:2: limits.outbox_bytes: expected a size such as 131072 or \"128KiB\", \
             from 1KiB to 1GiB, found -1",
        ),
        (
            "[limits]\nin_flight_per_connection = 1.5\n",
            "gatepost.toml:2: limits.in_flight_per_connection: expected a number from 1 to 10000, \
             found 1.5",
        ),
        (
            "[limits]\nin_flight_per_connection = \"2\"\n",
            "gatepost.toml:2: limits.in_flight_per_connection: expected a number from 1 to 10000, \
             found \"2\"",
        ),
        (
            "[extensions]\npermessage_deflate = 1\n",
            "gatepost.toml:2: extensions.permessage_deflate: expected true or false, found 1",
        ),
        (
            "[server]\nparameters = {Secret = 12345}\n",
            "gatepost.toml:2: server.parameters: expected a table of texts such as {Stage = \
             \"prod\"}, found something else",
        ),
        (
            "[egress]\nallow = [1, \"x\"]\n",
            "gatepost.toml:2: egress.allow: expected a list such as [\"10.0.0.0/8\", \
             \"example.com\"], found [1, \"x\"]",
        ),
        (
            "[server]\nlisten = \"example.com:80\"\n",
            "gatepost.toml:2: server.listen: expected an address and a port such as \
             \"127.0.0.1:4100\", or several, found \"example.com:80\"",
        ),
        (
            "[functions]\nretry_delays = \"7h\"\n",
            "gatepost.toml:2: functions.retry_delays: expected durations up to 6h such as [\"1m\", \
             \"2m\"], found \"7h\"",
        ),
        (
            "[functions]\nendpoint = \"localhost\"\n",
            "gatepost.toml:2: functions.endpoint: expected \"aws\", or a URL such as \
             \"http://localhost:3001\", found \"localhost\"",
        ),
        (
            "limits = 5\n",
            "gatepost.toml:1: limits: expected a section [limits], found 5",
        ),
    ] {
        assert_error(toml, &EMPTY, error);
    }
    assert_error(
        "",
        &[("GATEPOST_FUNCTIONS__MAX_PROCESSES", "many")],
        "GATEPOST_FUNCTIONS__MAX_PROCESSES: functions.max_processes: expected a number from 1 to \
         10000, found \"many\"",
    );
}

#[test]
fn what_is_not_there_yet_is_refused() {
    let toml = "[server]\nproxy_protocol = true\n";
    let error = "gatepost.toml:2: server.proxy_protocol is not there yet in Gatepost: remove it";
    assert_error(toml, &EMPTY, error);
    assert_error(
        "[auth]\nmode = \"on\"\n",
        &EMPTY,
        "gatepost.toml:2: auth.mode: expected \"off\" or \"sigv4\", found \"on\"",
    );
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let errors = load(
        "[server]\nlisten = 1\ntls_key = \"key.pem\"\n[limits]\nspeed = 1\n",
        &[("GATEPOST_AUTH__MODE", "iam")],
        &[("--drain", "limits.drain", "soon")],
    )
    .unwrap_err();
    assert_eq!(
        errors,
        "gatepost.toml:2: server.listen: expected an address and a port such as \
         \"127.0.0.1:4100\", or several, found 1\n\
         gatepost.toml:3: server.tls_key needs server.tls_certificate: set both or none\n\
         --drain: limits.drain: expected a duration such as \"10m\", from 0ms to 1h, found \
         \"soon\"\n\
         GATEPOST_AUTH__MODE: auth.mode: expected \"off\" or \"sigv4\", found \"iam\"\n\
         gatepost.toml:5: unknown key limits.speed"
    );
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let missing = Config::load(Some(Path::new("/nowhere/gatepost.toml")), &[], &[]).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("/nowhere/gatepost.toml: cannot read it: ")
    );
    for (toml, place) in [
        ("[limits]\ndrain = \"1m\n", "gatepost.toml:2: "),
        (
            "[limits]\ndrain = \"1m\"\ndrain = \"2m\"\n",
            "gatepost.toml:3: ",
        ),
        ("[limits\n", "gatepost.toml:1: "),
    ] {
        let error = load(toml, &EMPTY, &[]).unwrap_err();
        assert!(error.starts_with(place) && !error.contains('\n'), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_configuration_or_an_error(
        toml in "(\\[(server|limits|egress)\\]\n)?[a-z._= \"\\[\\]{}0-9\n]{0,60}",
        name in "GATEPOST_(LIMITS|SERVER)?_{0,3}[A-Z_]{0,12}",
        value: String,
    ) {
        let _ = load(&toml, &[(&name, &value)], &[]);
    }
}
