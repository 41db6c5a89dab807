//! What AWS adds: `$context`, `$input`, `$stageVariables`, `$util`.

use proptest::prelude::*;

use super::*;
use crate::expression::tests::any_json;

const BODY: &str =
    r#"{"user": "ann \"a\"", "tags": ["x", 1, null], "o": {"a-b": true}, "n": null}"#;

#[test]
fn context_has_what_the_request_has() {
    assert_all(&[
        (
            r#"{"id":"$context.connectionId","user":"$context.authorizer.principalId"}"#,
            r#"{"id":"gbgBH8-ydQAYKEjZQA==","user":"ann"}"#,
        ),
        ("${context.routeKey}Room", "sendRoom"),
        ("$!context.stage.", "dev."),
        ("$!{context.identity.sourceIp}!", "203.0.113.7!"),
        ("[$context.unknown][$context.authorizer.tenant]", "[][blue]"),
        (
            "[$context.identity.userAgent][$context.a.b.c][$context.stage.x]",
            "[][][]",
        ),
        (
            "$context['stage'] $context.authorizer['tenant'] $context.get('stage')",
            "dev blue dev",
        ),
        ("$context.stage-x ${context.stage}-x", " dev-x"),
        (
            "$context.stage.length() $context.stage.toUpperCase()",
            "3 DEV",
        ),
        (
            "#if($context.authorizer.none)n#elseif($context.authorizer.tenant)y#end",
            "y",
        ),
        (r#"#if("$context.authorizer.none" != "")n#{else}y#end"#, "y"),
        ("$context.identity", "{sourceIp=203.0.113.7}"),
        ("$context.authorizer.keySet()", "[principalId, tenant, n]"),
        (
            "#foreach($e in $context.authorizer.entrySet())$e.key=$e.value;#end",
            "principalId=ann;tenant=blue;n=7;",
        ),
    ]);
}

#[test]
fn context_alone_prints_as_a_java_map() {
    assert_all(&[(
        "$context",
        "{routeKey=send, authorizer={principalId=ann, tenant=blue, n=7}, \
         messageId=gbgBIc-zdQAYKEjZQA==, eventType=MESSAGE, extendedRequestId=EOn8HGNeoAMEPSQ=, \
         requestTime=25/Sep/2026:00:01:48 +0000, messageDirection=IN, stage=dev, \
         connectedAt=1790294508123, requestTimeEpoch=1790294508124, \
         identity={sourceIp=203.0.113.7}, requestId=EOn8HGNeoAMEPSQ=, domainName=localhost:4100, \
         connectionId=gbgBH8-ydQAYKEjZQA==, apiId=abcdef1234}",
    )]);
}

#[test]
fn numbers_of_context_are_numbers() {
    assert_all(&[
        (
            "#set($t = $context.requestTimeEpoch / 1000 + 9000)$t",
            "1790303508",
        ),
        ("#set($t = $context.connectedAt + 1)$t", "1790294508124"),
        (
            "#set($c = $context)#set($t = $c.connectedAt + 1)$t",
            "1790294508124",
        ),
        (
            "#set($t = 'at ' + $context.connectedAt)$t",
            "at 1790294508123",
        ),
        ("#set($t = $context.authorizer.n + 1)$t", "71"),
    ]);
}

#[test]
fn context_can_be_changed() {
    assert_all(&[
        ("#set($context.x = 1)$context.x $context.stage", "1 dev"),
        (
            "#set($context.responseOverride.status = 404)$context.stage",
            "dev",
        ),
        (
            "#set($x = $context.put('stage', 'y'))$x $context.stage",
            "dev y",
        ),
    ]);
}

#[test]
fn status_and_error_are_there_once_they_are_known() {
    let error = ErrorContext {
        message: "Bad \"body\"".into(),
        response_type: Some("BAD_REQUEST_BODY".into()),
        validation_error_string: None,
    };
    let context = context();
    let input = TemplateInput {
        status: Some(404),
        error: Some(&error),
        ..TemplateInput::new(&context, "")
    };
    for (template, text) in [
        ("$context.status", "404"),
        (
            "#if($context.status == 404 && $context.status > 400)y#end",
            "y",
        ),
        ("$context.error.message", "Bad \"body\""),
        ("$context.error.messageString", r#""Bad \"body\"""#),
        ("$context.error.responseType", "BAD_REQUEST_BODY"),
        ("[$context.error.validationErrorString]", "[]"),
        // Also once `$context` has been used as a map.
        (
            "#set($c = $context.size())$context.error.messageString",
            r#""Bad \"body\"""#,
        ),
        (
            "$context.error",
            r#"{message=Bad "body", messageString="Bad \"body\"", responseType=BAD_REQUEST_BODY}"#,
        ),
    ] {
        let rendered = Template::parse(template).unwrap().render(&input);
        assert_eq!(rendered.as_deref(), Ok(text), "{template}");
    }
    assert_all(&[("[$context.status][$context.error.message]", "[][]")]);
}

#[test]
fn stage_variables_are_found_in_every_form() {
    assert_all(&[
        (
            "$stageVariables.table ${stageVariables.table}s $stageVariables['table'] \
             ${stageVariables[\"table\"]} $stageVariables.get('table') $stageVariables.missing",
            "rooms roomss rooms rooms rooms ",
        ),
        ("$stageVariables", "{table=rooms, url=x}"),
        (
            "#foreach($k in $stageVariables.keySet())$k=$stageVariables.get($k);#end",
            "table=rooms;url=x;",
        ),
        ("#if($stageVariables.none)n#{else}y#end", "y"),
        ("#set($k = 'url')$stageVariables[$k]", "x"),
        ("$stageVariables.table.replace('o', '0')", "r00ms"),
    ]);
}

#[test]
fn input_gives_the_body_as_text_and_as_json() {
    assert_renders(
        BODY,
        &[
            ("<$input.body>", &format!("<{BODY}>")),
            ("$input.json('$.user')", r#""ann \"a\"""#),
            (r#"$input.json("$.tags")"#, r#"["x",1,null]"#),
            ("$input.json( '$.o' )", r#"{"a-b":true}"#),
            ("${input.json('$.tags[1]')}", "1"),
            ("$input.json('$.missing')", r#""""#),
            ("$input.json('$.n')", "null"),
            ("$input.json(\"$['o']['a-b']\")", "true"),
            ("$input.json('$.tags[*]')", r#"["x",1,null]"#),
            (
                "$input.json('$[\"user\",\"n\"]')",
                r#"{"user":"ann \"a\"","n":null}"#,
            ),
            ("$input.json('$.tags.length()')", "3"),
            ("#set($k = 'user')$input.json(\"$.$k\")", r#""ann \"a\"""#),
            ("$input.json('$').length()", "66"),
            (
                "$input.body.length() $input.body.x [$input.foo()][$input]",
                "76  [][]",
            ),
            ("$input.foo", ""),
        ],
    );
}

#[test]
fn paths_give_live_values() {
    assert_renders(
        BODY,
        &[
            (
                "$input.path('$.user') $input.path('$.tags') $input.path('$.o')",
                "ann \"a\" [x, 1, null] {a-b=true}",
            ),
            (
                "#set($r = $input.path('$'))$r.user $r.tags[1] $r.tags.size() $r.o.get('a-b')",
                "ann \"a\" 1 3 true",
            ),
            ("[$input.path('$.missing')][$input.path('$.n')]", "[][]"),
            (
                "#if($input.path('$.missing') == '')y#end#if($input.path('$.n'))n#end",
                "y",
            ),
            (
                "#foreach($t in $input.path('$.tags'))$foreach.index#if($t)$t#end;#end",
                "0x;11;2;",
            ),
            (
                "#set($r = $input.path('$'))#set($r.user = 'bob')#set($x = $r.tags.add('z'))\
                 $input.json('$.user') $input.json('$.tags')",
                r#""bob" ["x",1,null,"z"]"#,
            ),
            (
                "#set($r = $input.path('$'))#set($x = $r.put('k', {'a': [1]}))$input.json('$.k')",
                r#"{"a":[1]}"#,
            ),
            ("$input.path('$..a-b')", "[true]"),
        ],
    );
}

#[test]
fn an_empty_body_is_an_empty_object_and_another_text_fails() {
    assert_all(&[("$input.json('$')", "{}"), ("[$input.path('$.x')]", "[]")]);
    assert_renders("not JSON", &[("$input.body", "not JSON")]);
    assert_eq!(
        problem("x\n $input.json('$')", "not JSON"),
        "2:2: Could not parse request body into json: expected ident at line 1 column 2"
    );
}

#[test]
fn params_are_those_of_the_handshake() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = [
        pair("Host", "h"),
        pair("X-Token", "a"),
        pair("X-Token", "b"),
    ];
    let query = [pair("room", "lobby"), pair("Host", "q")];
    let context = context();
    let input = TemplateInput {
        params: Params {
            headers: &headers,
            query: &query,
        },
        ..TemplateInput::new(&context, "")
    };
    for (template, text) in [
        (
            "$input.params('room') $input.params('x-token') $input.params('Host')",
            "lobby b q",
        ),
        ("[$input.params('none')]", "[]"),
        ("#if($input.params('none') == '')y#end", "y"),
        (
            "$input.params().header.get('X-Token') $input.params().querystring.room",
            "b lobby",
        ),
        ("$input.params('header')", ""),
        (
            "$input.params()",
            "{path={}, querystring={room=lobby, Host=q}, header={Host=h, X-Token=b}}",
        ),
        (
            "#foreach($p in $input.params().header.keySet())\"$p\": \
             \"$util.escapeJavaScript($input.params().header.get($p))\"#if($foreach.hasNext),#end#end",
            r#""Host": "h","X-Token": "b""#,
        ),
    ] {
        let rendered = Template::parse(template).unwrap().render(&input);
        assert_eq!(rendered.as_deref(), Ok(text), "{template}");
    }
    assert_all(&[("$input.params()", "{path={}, querystring={}, header={}}")]);
}

#[test]
fn util_encodes_and_decodes() {
    assert_renders(
        BODY,
        &[
            (
                r#"$util.escapeJavaScript("it's ""x"" \ / é")"#,
                r#"it\'s \"x\" \\ \/ \u00E9"#,
            ),
            (
                r"$util.escapeJavaScript($input.json('$.user'))",
                r#"\"ann \\\"a\\\"\""#,
            ),
            (
                r#"$util.escapeJavaScript("it's").replaceAll("\\'", "'")"#,
                "it's",
            ),
            ("$util.escapeJavaScript(5)", "5"),
            ("[$util.escapeJavaScript($none)]", "[]"),
            ("$util.urlEncode('a b&é*~')", "a+b%26%C3%A9*%7E"),
            ("$util.urlDecode('a+b%26%C3%A9')", "a b&é"),
            ("$util.base64Encode('Grüße')", "R3LDvMOfZQ=="),
            ("$util.base64Decode('R3LDvMOfZQ==')", "Grüße"),
            (
                r#"#set($j = $util.parseJson('{"a": [1, {"b": "c"}]}'))$j.a[1].b"#,
                "c",
            ),
            ("#set($j = $util.parseJson($input.body))$j.o", "{a-b=true}"),
            (
                r#"#set($j = $util.parseJson("[""$context.stage"", 1.50]"))$j"#,
                "[dev, 1.5]",
            ),
            ("[$util.none('x')]", "[]"),
        ],
    );
    for (template, message) in [
        (
            "$util.parseJson('{')",
            "1:1: `$util.parseJson` failed: EOF while parsing an object at line 1 column 1",
        ),
        (
            "$util.base64Decode('*')",
            "1:1: `$util.base64Decode` failed: Invalid symbol 42, offset 0.",
        ),
        (
            "$util.urlDecode('%+1')",
            "1:1: `$util.urlDecode` failed: a `%` must have two hexadecimal digits behind it",
        ),
    ] {
        assert_eq!(problem(template, ""), message);
    }
}

#[test]
fn values_are_not_rendered_again() {
    let body = r#"{"user": "$context.connectionId #set($x = 1) \u0023end"}"#;
    assert_renders(
        body,
        &[
            (
                "$input.json('$.user')",
                "\"$context.connectionId #set($x = 1) #end\"",
            ),
            (
                "#set($u = $input.path('$.user'))\"$u\"",
                "\"$context.connectionId #set($x = 1) #end\"",
            ),
            (
                "#set($u = \"$input.path('$.user')\")$u",
                "$context.connectionId #set($x = 1) #end",
            ),
        ],
    );
}

#[test]
fn the_template_of_awss_own_mock_example_renders() {
    let template = r#"#set($inputRoot = $input.path('$'))
{
  "choices": [
#foreach($elem in $inputRoot.bins)
    {
      "kind": "$elem.kind",
      "price": $elem.price
    }#if($foreach.hasNext),#end

#end
  ]
}"#;
    let body = r#"{"bins":[{"kind":"apple","price":1.99},{"kind":"pear","price":2}]}"#;
    let expected = r#"{
  "choices": [
    {
      "kind": "apple",
      "price": 1.99
    },
    {
      "kind": "pear",
      "price": 2
    }
  ]
}"#;
    assert_eq!(render(template, body).as_deref(), Ok(expected));
}

proptest! {
    #[test]
    fn any_value_of_the_body_renders_as_json(value in any_json()) {
        let body = serde_json::json!({ "x": value }).to_string();
        prop_assert_eq!(render("$input.json('$.x')", &body), Ok(value.to_string()));
    }

    #[test]
    fn what_is_escaped_means_the_same_in_json(text in "[^']{0,20}") {
        let body = serde_json::json!({ "x": text }).to_string();
        let rendered = render("\"$util.escapeJavaScript($input.path('$.x'))\"", &body).unwrap();
        prop_assert_eq!(serde_json::from_str::<String>(&rendered).unwrap(), text);
    }

    #[test]
    fn base64_and_url_encodings_come_back(text in any::<String>()) {
        let body = serde_json::json!({ "x": text }).to_string();
        for (encode, decode) in [("base64Encode", "base64Decode"), ("urlEncode", "urlDecode")] {
            let template = format!(
                "#set($x = $util.{encode}($input.path('$.x')))$util.{decode}($x)"
            );
            prop_assert_eq!(render(&template, &body), Ok(text.clone()));
        }
    }
}
