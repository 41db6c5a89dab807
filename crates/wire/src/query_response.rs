//! Answers of services that speak the query protocol, such as SQS and SNS. API Gateway asks them
//! for JSON, and AWS's answer with it; most others only know XML, which becomes the same JSON here
//! (data-plane spec 5.4).

use quick_xml::{Reader, escape::unescape, events::Event};
use serde_json::{Map, Value};

/// Elements within each other; answers have about ten.
const MAX_DEPTH: usize = 64;

/// The JSON form of an answer, `None` when it is no XML document.
///
/// An element is a member, text is a string, an empty element is `null`. A list (`member` elements,
/// or several of one name) is an array. An error stands without its `ErrorResponse`.
pub fn json_of_query_response(xml: &str) -> Option<Value> {
    let mut reader = Reader::from_str(xml);
    // The element that holds the document, and below it those that are open.
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return None;
                }
                open.push(Element::named(start.local_name().as_ref()));
            }
            Event::Empty(empty) => {
                let element = Element::named(empty.local_name().as_ref());
                open.last_mut()?.push(element);
            }
            Event::End(_) => {
                let element = open.pop()?;
                open.last_mut()?.push(element);
            }
            Event::Text(text) => {
                open.last_mut()?.text.push_str(&unescape(&text).ok()?);
            }
            Event::CData(text) => open.last_mut()?.text.push_str(&text),
            Event::GeneralRef(reference) => {
                let reference = format!("&{};", &*reference);
                open.last_mut()?.text.push_str(&unescape(&reference).ok()?);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let [document] = <[Element; 1]>::try_from(open).ok()?;
    let Value::Object(mut document) = document.into_value() else {
        return None;
    };
    Some(match document.remove("ErrorResponse") {
        Some(error) => error,
        None => Value::Object(document),
    })
}

#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Element {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn push(&mut self, mut child: Self) {
        let name = std::mem::take(&mut child.name);
        self.children.push((name, child.into_value()));
    }

    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return match self.text.as_str() {
                "" => Value::Null,
                _ => Value::String(self.text),
            };
        }
        if self.children.iter().all(|(name, _)| name == "member") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        let mut object = Map::new();
        for (name, value) in self.children {
            match object.get_mut(&name) {
                None => {
                    object.insert(name, value);
                }
                Some(Value::Array(several)) => several.push(value),
                Some(one) => *one = Value::Array(vec![one.take(), value]),
            }
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_of_sqs_has_awss_members() {
        let xml = concat!(
            r#"<?xml version="1.0"?><SendMessageResponse xmlns="http://queue.amazonaws.com/">"#,
            "<SendMessageResult><MD5OfMessageBody>5d41</MD5OfMessageBody><MessageId>4d9f",
            "</MessageId></SendMessageResult><ResponseMetadata><RequestId>wOVi</RequestId>",
            "</ResponseMetadata></SendMessageResponse>"
        );
        assert_eq!(
            json_of_query_response(xml),
            Some(json!({"SendMessageResponse": {
                "SendMessageResult": {"MD5OfMessageBody": "5d41", "MessageId": "4d9f"},
                "ResponseMetadata": {"RequestId": "wOVi"},
            }}))
        );
    }

    #[test]
    fn an_error_stands_without_its_envelope() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>X &amp; Y</Code></Error>\n\
                   <RequestId>r</RequestId></ErrorResponse>";
        assert_eq!(
            json_of_query_response(xml),
            Some(json!({"Error": {"Type": "Sender", "Code": "X & Y"}, "RequestId": "r"}))
        );
    }

    #[test]
    fn lists_are_arrays_and_nothing_is_null() {
        for (xml, expected) in [
            (
                "<A><B><member>1</member><member>2</member></B></A>",
                json!({"A": {"B": ["1", "2"]}}),
            ),
            (
                "<A><B><member><C>1</C></member></B></A>",
                json!({"A": {"B": [{"C": "1"}]}}),
            ),
            (
                "<A><B>1</B><C>x</C><B>2</B><B>3</B></A>",
                json!({"A": {"B": ["1", "2", "3"], "C": "x"}}),
            ),
            ("<A><B/><C></C></A>", json!({"A": {"B": null, "C": null}})),
            ("<A><![CDATA[<b>]]></A>", json!({"A": "<b>"})),
        ] {
            assert_eq!(json_of_query_response(xml), Some(expected), "{xml}");
        }
    }

    #[test]
    fn what_is_no_xml_document_is_left_alone() {
        for text in ["", "hello", "<A>", "<A></B>", "{\"a\":1}", "</A>"] {
            assert_eq!(json_of_query_response(text), None, "{text}");
        }
        let deep = "<A>".repeat(1000) + &"</A>".repeat(1000);
        assert_eq!(json_of_query_response(&deep), None);
    }

    proptest! {
        #[test]
        fn any_text_gives_json_or_nothing(text: String, tags in "(<[a-b/]{1,2}>|&[a-z#0-9]{0,4};|x){0,30}") {
            let _ = (json_of_query_response(&text), json_of_query_response(&tags));
        }
    }
}
