//! `[auth]`.

use serde_json::json;

use super::*;

#[test]
fn access_keys_are_read_with_their_secrets_and_policies() {
    let toml = r#"
        [auth]
        mode = "sigv4"
        function_policies = "functions.json"
        [auth.access_keys.AKIAIOSFODNN7EXAMPLE]
        secret = "wJalrXUtnFEMI"
        user = "team/ann"
        account = "123456789012"
        policies = ["ann.json", '{"Statement": []}', {Version = "2012-10-17", Statement = [{Effect = "Allow", Action = ["s3:*"], Resource = "*"}]}]
        session_policies = "session.json"
        [auth.access_keys."bob"]
        secret_env = "BOBS_SECRET"
        user = "bob"
        [auth.access_keys.eve]
        secret_file = "eve.secret"
        user = "eve"
        "#;
    let auth = load(toml, &EMPTY, &[]).unwrap().auth;
    assert_eq!(auth.mode, Some(AuthMode::SigV4));
    let file_name = |source: &PolicySource| match source {
        PolicySource::File(path) => path.file_name().unwrap().to_str().unwrap().to_owned(),
        other => format!("{other:?}"),
    };
    let function_policies = auth.function_policies.unwrap();
    assert_eq!(file_name(&function_policies.policies[0]), "functions.json");
    let [ann, bob, eve] = &auth.access_keys[..] else {
        panic!("{:?}", auth.access_keys);
    };
    assert_eq!(ann.id, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(ann.user, "team/ann");
    assert_eq!(ann.account.as_deref(), Some("123456789012"));
    let secret = SecretSource::Value(Secret::new("wJalrXUtnFEMI"));
    assert_eq!(ann.secret, secret);
    let [file, text, table] = &ann.policies.policies[..] else {
        panic!("{:?}", ann.policies);
    };
    assert_eq!(file_name(file), "ann.json");
    assert_eq!(*text, PolicySource::Json("{\"Statement\": []}".into()));
    let statement = json!({"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    assert_eq!(*table, PolicySource::Table(document));
    assert_eq!(file_name(&ann.session_policies.policies[0]), "session.json");
    assert_eq!(bob.secret, SecretSource::Variable("BOBS_SECRET".into()));
    assert_eq!(bob.account, None);
    let SecretSource::File(path) = &eve.secret else {
        panic!("{:?}", eve.secret);
    };
    assert!(path.is_absolute() && path.ends_with("eve.secret"));
}

#[test]
fn what_is_wrong_with_an_access_key_is_said_and_its_secret_is_not() {
    for (toml, error) in [
        (
            "[auth.access_keys.ann]\nuser = \"ann\"\n",
            "gatepost.toml:1: [auth.access_keys.\"ann\"] needs one of secret, secret_file and \
             secret_env",
        ),
        (
            "[auth.access_keys.ann]\nuser = \"ann\"\nsecret = \"hush\"\nsecret_env = \"A\"\n",
            "gatepost.toml:1: [auth.access_keys.\"ann\"] needs one of secret, secret_file and \
             secret_env",
        ),
        (
            "[auth.access_keys.ann]\nsecret = \"hush\"\n",
            "gatepost.toml:1: [auth.access_keys.\"ann\"] needs a user",
        ),
        (
            "[auth.access_keys.ann]\nsecret = [\"hush\"]\nuser = \"ann\"\n",
            "gatepost.toml:2: auth.access_keys.\"ann\".secret: expected a text, found something \
             else\ngatepost.toml:1: [auth.access_keys.\"ann\"] needs one of secret, secret_file \
             and secret_env",
        ),
        (
            "[auth.access_keys]\nann = \"hush\"\n",
            "gatepost.toml:2: auth.access_keys.\"ann\": expected a section \
             [auth.access_keys.\"ann\"], found something else",
        ),
        (
            "[auth.access_keys.\"a/b\"]\nsecret = \"hush\"\nuser = \"ann\"\n",
            "gatepost.toml:1: auth.access_keys.\"a/b\": expected an access key id such as \
             \"AKIAIOSFODNN7EXAMPLE\", found something else",
        ),
        (
            "[auth.access_keys.ann]\nsecret = \"hush\"\nuser = \"a b\"\naccount = \"1\"\n",
            "gatepost.toml:3: auth.access_keys.\"ann\".user: expected the name of an IAM user such \
             as \"ann\", found \"a b\"\n\
             gatepost.toml:4: auth.access_keys.\"ann\".account: expected the 12 digits of an \
             account, found \"1\"\n\
             gatepost.toml:1: [auth.access_keys.\"ann\"] needs a user",
        ),
        (
            "[auth.access_keys.ann]\nsecret = \"hush\"\nuser = \"ann\"\npolices = []\n",
            "gatepost.toml:4: unknown key auth.access_keys.\"ann\".polices; did you mean policies?",
        ),
        (
            "[auth]\nfunction_policies = [1]\n",
            "gatepost.toml:2: auth.function_policies: expected files with policies, or policies, \
             such as [\"post.json\"] or [{Version = \"2012-10-17\", Statement = []}], found [1]",
        ),
    ] {
        let found = load(toml, &EMPTY, &[]).unwrap_err();
        assert_eq!(found, error, "{toml}");
        assert!(!found.contains("hush"), "{found}");
    }
    let toml = "[auth.access_keys.ann]\nsecret = \"hush\"\nuser = \"ann\"\n";
    let config = load(toml, &EMPTY, &[]).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
}
