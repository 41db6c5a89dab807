"""Mapping templates: Velocity as AWS speaks it, rendered by the real binary. Every row has its
template and, to the byte, what it renders to."""

import re

import pytest
from support.talk import CONNECTION_ID, REQUEST_ID, error_frame, say
from support.template import HttpCustom, Mock, websocket_app

#: Templates of a MOCK's response: no message, only `$context`, `$stageVariables` and `$util`.
REPLIES = {
    "text": ("it costs $5, #1 \\n", "it costs $5, #1 \\n"),
    "set": ("#set($a = 'x')$a ${a}b $!a", "x xb x"),
    "undefined": ("$a ${a.b} $!a $a.b('c')", "$a ${a.b}  $a.b('c')"),
    "escapes": (r"#set($a = 1)\$a \\$a \$b \#if \#foo", r"$a \1 \$b #if \#foo"),
    "comments": ("a## no\nb#* no *#c#[[ $raw #if ]]#", "abc $raw #if "),
    "lines": ("#set($a = 1)\n{\n#if($a == 1)\n  yes\n#else\n  no\n#end\n}", "{\n  yes\n}"),
    "conditions": (
        "#if($none)1#elseif(!$none && (1 == 2 || 'a' == 'a'))2#else 3#end#if('')4#end#if(0)5#end",
        "245",
    ),
    "words": ("#if(1 lt 2 and 2 ge 2 and not (1 eq 2) or false)y#end", "y"),
    "arithmetic": (
        "#set($a = 7 / 2 + 2 * 3 - 10 % 4)#set($b = 2147483647 + 1)#set($c = 1 / 2.0)$a $b $c",
        "7 2147483648 0.5",
    ),
    "join": ("#set($a = 1 + 'a' + 2)#set($b = \"$a ${a}!\")$a $b", "1a2 1a2 1a2!"),
    "quotes": ("#set($a = 'it''s')#set($b = \"\"\"$a\"\"\")$b", '"it\'s"'),
    "literals": (
        "#set($a = [1, 'b', true, 1.5, [2], {}])#set($b = {'k': [1..3], \"l\": -1})$a $b",
        "[1, b, true, 1.5, [2], {}] {k=[1, 2, 3], l=-1}",
    ),
    "assign": (
        "#set($m = {'a': 1})#set($m.b = 2)#set($m['c'] = 3)#set($l = [1, 2])#set($l[0] = 9)$m $l",
        "{a=1, b=2, c=3} [9, 2]",
    ),
    "foreach": (
        "#foreach($x in ['a', 'b', 'c'])$foreach.index$foreach.count$velocityCount$x"
        "#if($foreach.first)F#end#if($foreach.last)L#end#if($foreach.hasNext),#end#end",
        "011aF,122b,233cL",
    ),
    "nested": (
        "#foreach($x in [1..2])#foreach($y in [1..2])$foreach.parent.index$foreach.index;#end#end",
        "00;01;10;11;",
    ),
    "break": ("#foreach($x in [1..9])#if($x > 2)#break#end$x#end. #stop never", "12. "),
    "macro": (
        "#macro(item $name $value)\"$name\":\"$value\"#end{#item('a' 1),#item('b', \"$x\")}",
        '{"a":"1","b":"$x"}',
    ),
    "recursion": (
        "#macro(down $n)$n#set($m = $n - 1)#if($m >= 0)#down($m)#end#end#down(3)", "3210",
    ),
    "block-macro": ("#macro(b $t)<$t>$bodyContent</$t>#end#@b('p')x#end", "<p>x</p>"),
    "define": ("#define($d)<$x>#end#set($x = 1)$d#set($x = 2)$d", "<1><2>"),
    "text-methods": (
        "#set($s = ' Ab,cd ')$s.length() $s.trim().substring(1, 3) $s.indexOf('c') "
        "$s.contains('b,') $s.trim().split(',') $s.trim().toUpperCase() $s.replace(',', ';')",
        "7 b, 4 true [Ab, cd] AB,CD  Ab;cd ",
    ),
    "patterns": (
        r"#set($s = 'a1b22')$s.replaceAll('([a-z])(\d+)', '$2$1') $s.matches('[ab\d]+') "
        r"$s.replaceAll('\W|\Qb2\E', '-') $s.split('\d+')",
        "1a22b true a1-2 [a, b]",
    ),
    "ascii-classes": (r"#set($s = '٣é3a')$s.replaceAll('\d', '#').replaceAll('\w', '_')", "٣é#_"),
    "lookahead": (r"#set($s = '1234567')$s.replaceAll('(\d)(?=(\d{3})+$)', '$1,')", "1,234,567"),
    "list-methods": (
        "#set($l = [3, 'x'])$l.size() $l.get(1) $l.add(4) $l.contains(3) $l.indexOf('x') $l.remove(0)"
        " $l $l.isEmpty() $l.subList(0, 1)",
        "2 x true true 1 3 [x, 4] false [x]",
    ),
    "map-methods": (
        "#set($m = {'a': 1})$!m.put('b', 2)$m.get('b') $m.keySet() $m.values() $m.containsKey('a') "
        "#foreach($e in $m.entrySet())$e.key=$e.value;#end $m.remove('a') $m $m.put('z', 1)",
        "2 [a, b] [1, 2] true a=1;b=2; 1 {b=2} $m.put('z', 1)",
    ),
    "number-methods": (
        "#set($n = 0)$n.parseInt('12') $n.parseInt('ff', 16) $n.toString().length() $n.equals(0)",
        "12 255 1 true",
    ),
    "stage-variables": (
        "$stageVariables.table ${stageVariables['table']} $stageVariables[\"table\"] "
        "[$stageVariables.none] $stageVariables",
        "rooms rooms rooms [] {other=x&y, table=rooms}",
    ),
    "context": (
        "$context.stage $context.routeKey [$context.none] [$context.authorizer.none] "
        "#if($context.authorizer)y#{else}n#end $context.stage.length() $context['stage']",
        "prod context [] [] n 4 prod",
    ),
    "numbers": (
        "#set($s = $context.requestTimeEpoch / 1000)#set($t = $s * 1000 + 1000)"
        "#if($t > $context.requestTimeEpoch && $context.connectedAt + 1 > $context.connectedAt)y#end",
        "y",
    ),
    "change-context": ("#set($context.mine = 1)$context.mine $context.stage", "1 prod"),
    "util": (
        "$util.urlEncode('a b&é') $util.urlDecode('a+b%26%C3%A9') $util.base64Encode('Grüße') "
        "$util.base64Decode('R3LDvMOfZQ==') $util.parseJson('{\"a\": [1, {\"b\": 2}]}').a[1].b",
        "a+b%26%C3%A9 a b&é R3LDvMOfZQ== Grüße 2",
    ),
    "escape": (
        "$util.escapeJavaScript(\"it's \"\"x\"\" \\ / é\") "
        "$util.escapeJavaScript(\"it's\").replaceAll(\"\\\\'\", \"'\")",
        r"it\'s \"x\" \\ \/ \u00E9 it's",
    ),
}  # fmt: skip

#: Templates of requests to an HTTP backend, which gets what they render of this message.
MESSAGE = {
    "user": 'ann "a"',
    "tags": ["x", 1, None],
    "items": [{"id": 1, "price": 8.5}, {"id": 2, "price": 20, "note": "it's"}],
    "o": {"a-b": True},
}
REQUESTS = {
    "json": (
        "$input.json('$.user') $input.json('$.tags') $input.json(\"$['o']\") [$input.json('$.none')]",
        r'''"ann \"a\"" ["x",1,null] {"a-b":true} [""]''',
    ),
    "path": (
        "$input.path('$.user') $input.path('$.tags') $input.path('$.o') [$input.path('$.none')]",
        'ann "a" [x, 1, null] {a-b=true} []',
    ),
    "live": (
        "#set($root = $input.path('$'))#set($root.user = 'bob')$!root.tags.add('z')"
        "$input.json('$.user') $input.json('$.tags') $root.items.size() $root.o.get('a-b')",
        'true"bob" ["x",1,null,"z"] 2 true',
    ),
    "loop": (
        "[#foreach($item in $input.path('$.items')){\"id\":$item.id,\"note\":\"$!item.note\"}"
        "#if($foreach.hasNext),#end#end]",
        '[{"id":1,"note":""},{"id":2,"note":"it\'s"}]',
    ),
    "missing": ("#if($input.path('$.none') == '')y#{else}n#end", "y"),
    "slices": (
        "$input.json('$.items[*].id') $input.json('$.tags[-1]') $input.json('$.tags[0:2]') "
        "$input.json('$..id') $input.json(\"$['user','o']\")",
        r'''[1,2] null ["x",1] [1,2] {"user":"ann \"a\"","o":{"a-b":true}}''',
    ),
    "filters": (
        "$input.json('$.items[?(@.price < 10 && @.id != 2)].id') $input.json('$.items[?(@.note)].id')"
        " $input.json('$.items[?(@.note =~ /it.s/)].id') $input.json('$.items.length()') "
        "$input.json('$..price.sum()')",
        "[1] [2] [2] 2 28.5",
    ),
    "dynamic": ("#foreach($i in [0, 1])$input.json(\"$.items[$i].id\")#end", "12"),
    "parse": ("#set($b = $util.parseJson($input.body))$b.items[1].note", "it's"),
    "escaped": ("\"$util.escapeJavaScript($input.json('$.user'))\"", r'"\"ann \\\"a\\\"\""'),
    "no-params": ("$input.params() [$input.params('x')]", "{path={}, querystring={}, header={}} []"),
}  # fmt: skip

#: Templates that fail when they are used, with the end of what is told.
FAILURES = {
    "bad-method": ("x\n #set($l = [])$l.get(3)", "$default: 2:15: `List.get` failed: "),
    "bad-loop": ("#foreach($a in [1..999])#foreach($b in [1..999])$a#end#end$none", "$default: 1:"),
    "bad-macro": ("#macro(m)#m()#end#m()", "$default: 1:10: the template goes too deep"),
    "bad-size": ("#set($s = 'x')#foreach($i in [1..99])#set($s = $s.concat($s))#end", "$default: 1:"),
    "bad-java": ("#set($s = 'x')$s.format('%s')", "$default: 1:15: `String.format` is a method"),
    "bad-syntax": ("{\n#if($context.stage == 'prod')\n}", "$default: 2:1: an `#if` is not closed by"),
}  # fmt: skip

#: What `$connect` allows, and what it tells.
CONNECT = """#set($params = $input.params())
#if($input.params('token') == 'good' && $params.header.get('X-Kind') == 'test')
{"statusCode": 200}
#elseif($params.querystring.keySet().toString() == '[token]')
{"statusCode": 402}
#else
{"statusCode": 403}
#end"""


@pytest.fixture(scope="module")
def app(module_dev, module_backend):
    def http(name, template):
        integration = {"RequestTemplates": {"$default": template}}
        return HttpCustom(f"{module_backend.url}/{name}", integration=integration)

    routes = {"$connect": Mock(request=CONNECT)}
    routes |= {name: Mock(template) for name, (template, _) in {**REPLIES, **FAILURES}.items()}
    routes |= {name: http(name, template) for name, (template, _) in REQUESTS.items()}
    routes["whole-context"] = Mock("$context")
    routes["sent"] = http("sent", REQUESTS["path"][0])
    variables = {"StageVariables": {"table": "rooms", "other": "x&y"}}
    return module_dev(websocket_app(routes, stage_properties=variables))


@pytest.fixture(scope="module")
def url(app):
    return f"{app.url()}?token=good"


@pytest.fixture
def client(connect, url):
    return connect(url, additional_headers={"X-Kind": "test"})


@pytest.mark.checklist(123, 124)
@pytest.mark.parametrize("name", REPLIES)
def test_a_response_template_renders(client, name):
    say(client, name)
    assert client.recv(timeout=10) == REPLIES[name][1]


@pytest.mark.checklist(123)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_template_renders(client, module_backend, name):
    say(client, name, **MESSAGE)
    assert module_backend.received(f"/{name}")[0].body == REQUESTS[name][1]


@pytest.mark.checklist(122)
def test_context_alone_prints_as_a_java_map(client):
    say(client, "whole-context")
    printed = re.fullmatch(
        r"\{routeKey=whole-context, messageId=" + CONNECTION_ID + r", eventType=MESSAGE, "
        r"extendedRequestId=(?P<id>" + REQUEST_ID + r"), "
        r"requestTime=\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} \+0000, messageDirection=IN, "
        r"stage=prod, connectedAt=\d{13}, requestTimeEpoch=\d{13}, "
        r"identity=\{userAgent=[^,}]+, sourceIp=(127\.0\.0\.1|::1)\}, requestId=(?P=id), "
        r"domainName=localhost:\d+, connectionId=" + CONNECTION_ID + r", apiId=[a-z0-9]{10}, "
        r"status=200\}",
        client.recv(timeout=10),
    )
    assert printed


@pytest.mark.parametrize("query, status", [("?token=bad", 402), ("?x=1&token=bad", 403), ("", 403)])
def test_params_of_the_handshake_reach_the_template_of_connect(app, raw_socket, query, status):
    assert raw_socket(app).upgrade(f"/prod{query}").status == status


@pytest.mark.parametrize("name", FAILURES)
def test_a_template_that_fails_says_where_and_the_connection_stays(app, client, name):
    say(client, name)
    assert error_frame("Internal server error").fullmatch(client.recv(timeout=20))
    text = FAILURES[name][1]
    app.wait_event("request", lambda event: text in (event["error"] or ""))
    say(client, "set")
    assert client.recv(timeout=10) == "x xb x"


def test_a_template_with_a_syntax_error_is_warned_of_at_start_with_its_place(app):
    warned = [event["text"] for event in app.events("warning")]
    template = "the mapping template $default fails: 2:1: an `#if` is not closed by `#end`"
    place = r".*template\.json:\d+: "
    assert any(re.fullmatch(place + re.escape(template) + ".*", text) for text in warned)


def test_a_name_that_aws_does_not_have_is_warned_of_with_its_place(dev):
    template = '{"statusCode": 200}\n$context.conectionId $input.jsn("$") $util.urlencode("x")'
    app = dev(websocket_app({"$default": Mock(integration={"RequestTemplates": {"$default": template}})}))
    told = [event["text"] for event in app.events("warning")]
    assert [re.sub(r"^.*\.json:\d+: ", "", text) for text in told] == [
        "the mapping template $default: 2:1: there is no $context.conectionId; did you mean "
        "`connectionId`?",
        "the mapping template $default: 2:22: there is no $input.jsn; did you mean `json`?",
        "the mapping template $default: 2:38: there is no $util.urlencode; did you mean `urlEncode`?",
    ]


def test_what_a_client_sends_is_never_a_template(client, module_backend):
    say(client, "sent", user="$context.connectionId #set($x = 1)$x ${x} #end", tags="$util", o="#if(")
    got = module_backend.received("/sent")[0].body
    assert got == "$context.connectionId #set($x = 1)$x ${x} #end $util #if( []"
