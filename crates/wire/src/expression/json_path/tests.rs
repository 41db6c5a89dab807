use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expression::tests::any_json;

/// What the path stands for; `"nothing"` when it leads nowhere.
fn of(path: &str, value: &Value) -> Value {
    let parsed = JsonPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let found = parsed.value(value);
    found.map_or(json!("nothing"), Cow::into_owned)
}

#[test]
fn every_step_selects_what_it_names() {
    let value = json!({
        "a": {"b-c": [1, 2, 3], "d.e": "x", "it's": 5},
        "s": [{"n": 1, "m": 3}, {"n": 2}],
    });
    for (path, expected) in [
        ("$", value.clone()),
        ("$.a.b-c", json!([1, 2, 3])),
        ("a.b-c[0]", json!(1)),
        ("$.a.b-c[-1]", json!(3)),
        ("$.a.b-c[7]", json!("nothing")),
        ("$.a.b-c[-4]", json!("nothing")),
        ("$['a'][\"d.e\"]", json!("x")),
        ("$.['a'].['d.e']", json!("x")),
        ("$.a['it\\'s']", json!(5)),
        ("$.a['d.e','it\\'s','none']", json!({"d.e": "x", "it's": 5})),
        ("$.s[*]['n','m']", json!([{"n": 1, "m": 3}, {"n": 2}])),
        ("$['a','s']['n']", json!([])),
        ("$.a.b-c[0,2]", json!([1, 3])),
        ("$.a.b-c[1:]", json!([2, 3])),
        ("$.a.b-c[:-1]", json!([1, 2])),
        ("$.a.b-c[-9:9]", json!([1, 2, 3])),
        ("$.a.b-c[2:1]", json!([])),
        ("$.a.b-c[*]", json!([1, 2, 3])),
        ("$.s[*].n", json!([1, 2])),
        ("$..n", json!([1, 2])),
        ("$..s..n", json!([1, 2])),
        ("$.s..[0]", json!([{"n": 1, "m": 3}])),
        ("$.s..*", json!([{"n": 1, "m": 3}, {"n": 2}, 1, 3, 2])),
        ("$.a.b", json!("nothing")),
        ("$.s.n", json!("nothing")),
    ] {
        assert_eq!(of(path, &value), expected, "{path}");
    }
}

#[test]
fn filters_select_what_they_say() {
    let value = json!({
        "max": 10,
        "books": [
            {"id": 1, "price": 8.95, "tags": ["a", "b"], "title": "Sayings", "none": null},
            {"id": 2, "price": 22.99, "tags": [], "title": "Sword"},
            {"id": 3, "isbn": "0-553", "price": "8", "title": "Moby Dick", "o": {"k": [1]}},
        ],
    });
    for (filter, ids) in [
        ("@.price < 10", json!([1])),
        ("@.price < $.max", json!([1])),
        ("@.price >= 8.95 && @.id != 1", json!([2])),
        ("@.id==1||@.id==3", json!([1, 3])),
        ("!(@.id == 1)", json!([2, 3])),
        ("@.isbn", json!([3])),
        ("!@.isbn", json!([1, 2])),
        ("@.none", json!([1])),
        ("@.none == null", json!([1])),
        ("@.price == '8'", json!([3])),
        ("8 == @.price", json!([3])),
        ("'8' == @.price", json!([3])),
        ("@['title'] == \"Sword\"", json!([2])),
        ("@.title > 'Sa'", json!([1, 2])),
        ("@.title =~ /s.*/i", json!([1, 2])),
        ("@.title =~ /Sw/", json!([])),
        ("@.id in [1, 3, 'x']", json!([1, 3])),
        ("@.id nin [1, 3]", json!([2])),
        ("'a' in @.tags", json!([1])),
        ("@.tags contains 'b'", json!([1])),
        ("@.title contains 'ob'", json!([3])),
        ("@.tags size 2", json!([1])),
        ("@.tags empty true", json!([2])),
        ("@.tags anyof ['b', 'c']", json!([1])),
        ("@.tags noneof ['b']", json!([2])),
        ("@.tags subsetof ['a', 'b', 'c']", json!([1, 2])),
        ("@.tags.length() == 2", json!([1])),
        ("@.o == $.books[2].o", json!([3])),
        ("@..k", json!([3])),
        ("(@.id == 1 || @.id == 2) && @.tags[0]", json!([1])),
        ("@.missing == 1", json!([])),
        ("@.missing != 1", json!([1, 2, 3])),
    ] {
        let path = format!("$.books[?({filter})].id");
        assert_eq!(of(&path, &value), ids, "{filter}");
    }
    assert_eq!(of("$..[?(@.isbn)].id", &value), json!([3]));
    assert_eq!(of("$[?(@.max == 10)].max", &value), json!([10]));
}

#[test]
fn functions_compute_over_what_the_path_found() {
    let value = json!({"n": [1, 2, 6], "o": {"a": 1, "b": "x"}, "t": ["x", "y"], "e": []});
    for (path, expected) in [
        ("$.n.length()", json!(3)),
        ("$.o.length()", json!(2)),
        ("$.t.size()", json!(2)),
        ("$.length()", json!(4)),
        ("$.o.a.length()", json!("nothing")),
        ("$.o.keys()", json!(["a", "b"])),
        ("$.n.sum()", json!(9.0)),
        ("$.n.min()", json!(1.0)),
        ("$.n.max()", json!(6.0)),
        ("$.n.avg()", json!(3.0)),
        ("$.t.sum()", json!("nothing")),
        ("$.e.avg()", json!("nothing")),
        ("$..a.sum()", json!(1.0)),
        ("$.sum($.n, 1)", json!(10.0)),
        ("$.n.first()", json!(1)),
        ("$.n.last()", json!(6)),
        ("$.n.index(-2)", json!(2)),
        ("$.e.first()", json!("nothing")),
        ("$.concat($.o.b, '-', $.t, 1)", json!("x-xy1")),
    ] {
        assert_eq!(of(path, &value), expected, "{path}");
    }
    let deviation = of("$.n.stddev()", &value).as_f64().unwrap();
    assert!((deviation - 2.160_246_899_469_287).abs() < 1e-9);
}

#[test]
fn an_indefinite_path_stands_for_the_list_of_its_matches() {
    let value = json!({"s": [{"n": 1}, {"n": "x"}]});
    let text = |path: &str| JsonPath::parse(path).unwrap().text(&value);
    assert_eq!(text("$.s[*].n").as_deref(), Some("[1, x]"));
    assert_eq!(text("$..missing").as_deref(), Some("[]"));
    assert_eq!(text("$.s[1].n").as_deref(), Some("x"));
    assert_eq!(text("$.missing"), None);
}

#[test]
fn what_is_not_supported_is_refused_with_its_name() {
    for (path, problem) in [
        ("", "empty"),
        ("$.", "name"),
        ("$.a[", "index"),
        ("$.a[0", "`]`"),
        ("$.a[]", "index"),
        ("$.a['b]", "quote"),
        ("$.a[?@.b]", "filter"),
        ("$.a[?(@.b]", "`)`"),
        ("$.a[?(@.b == )]", "expected"),
        ("$.a[?(@.b type 1)]", "`type`"),
        ("$.a[?(@.b =~ /(?x)a/)]", "flag `x`"),
        ("$.a[?(1)]", "operator"),
        ("$.a.append(1)", "function"),
        ("$.a[*].sum()", "`..`"),
        ("$.a[?(@.b['x','y'])]", "members"),
        ("$.a.length(1)", "arguments"),
        ("$.a.length().b", "`.`"),
        ("$.a b", "space"),
        ("$x", "`.`"),
    ] {
        let error = JsonPath::parse(path).unwrap_err().to_string();
        assert!(error.contains(problem), "{path}: {error}");
    }
    let deep = format!("$.a[?{}@.b{}]", "(".repeat(40), ")".repeat(40));
    let error = JsonPath::parse(&deep).unwrap_err().to_string();
    assert!(error.contains("too deeply"), "{error}");
}

#[test]
fn a_path_that_would_look_at_too_much_finds_nothing() {
    let items: Vec<Value> = (0..2000).map(|n| json!({ "n": n })).collect();
    let value = json!({ "items": items });
    assert_eq!(
        of("$.items[?(@.n in $.items[*].n)].n", &value),
        json!("nothing")
    );
    assert_eq!(of("$..[?($..n)]", &value), json!("nothing"));
}

proptest! {
    #[test]
    fn parsing_and_selecting_never_panic(
        path in r"([$.\[\]'*a0:,-]|\[\?\(|@\.a|==|&&|\)\]|\.length\(\)|\.\.){0,10}",
        value in any_json(),
    ) {
        if let Ok(path) = JsonPath::parse(&path) {
            path.text(&value);
        }
    }
}
