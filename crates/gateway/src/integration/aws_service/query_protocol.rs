//! `Action` and `Version` of the query protocol (control-and-observability spec G.5). The call is
//! signed with the gateway's credentials: no client text may choose what it does.

use form_urlencoded::parse;

/// A call that does not say clearly what is to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the request to the service has more than one {parameter} or another than its URI, and was not \
     sent: encode client text in the request template with $util.urlEncode"
)]
pub(super) struct Ambiguous {
    parameter: &'static str,
}

/// Where a call of the query protocol has its parameters, each once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'c> {
    /// The query of the URI, encoded.
    pub(super) uri: &'c str,
    /// The mapped query, not encoded.
    pub(super) mapped: &'c [(String, String)],
    /// What is sent as body.
    pub(super) body: &'c [u8],
    /// Whether the body says that it is a form. Some services read one that does not say so.
    pub(super) is_form: bool,
}

impl Given<'_> {
    /// What the query must say beside what is given, for this action of a URI, in this version of
    /// the API if it is known.
    ///
    /// # Errors
    /// [`Ambiguous`].
    pub(super) fn completed_for(
        self,
        action: &str,
        version: Option<&str>,
    ) -> Result<Vec<(String, String)>, Ambiguous> {
        let mut missing = Vec::new();
        for (parameter, value) in [("Action", Some(action)), ("Version", version)] {
            let is_given = self.only(parameter, (parameter == "Action").then_some(action))?;
            if let Some(value) = value.filter(|_| !is_given) {
                missing.push((parameter.to_owned(), value.to_owned()));
            }
        }
        Ok(missing)
    }

    /// Refuses a form that was sent to a path and says twice what is to be done.
    ///
    /// # Errors
    /// [`Ambiguous`].
    pub(super) fn is_clear(self) -> Result<(), Ambiguous> {
        if self.is_form {
            self.only("Action", None)?;
            self.only("Version", None)?;
        }
        Ok(())
    }

    /// Whether a parameter is given where the service surely reads it: once at most, and with this
    /// value.
    fn only(self, parameter: &'static str, value: Option<&str>) -> Result<bool, Ambiguous> {
        let in_query = parse(self.uri.as_bytes());
        let mapped = self.mapped.iter();
        let in_query = in_query.chain(mapped.map(|(name, value)| (name.into(), value.into())));
        let in_body = parse(self.body).map(|field| (field, self.is_form));
        let given: Vec<_> = in_query
            .map(|field| (field, true))
            .chain(in_body)
            .filter(|((name, _), _)| name == parameter)
            .collect();
        match given.as_slice() {
            [] => Ok(false),
            // A template may end its last line.
            [((_, given), is_read)]
                if value.is_none_or(|value| given.trim_ascii_end() == value) =>
            {
                Ok(*is_read)
            }
            _ => Err(Ambiguous { parameter }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the query gets, or the parameter that is not clear.
    fn completed(uri: &str, mapped: &[(&str, &str)], form: &str) -> Result<String, &'static str> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let mapped: Vec<_> = mapped.iter().map(own).collect();
        let given = Given {
            uri,
            mapped: &mapped,
            body: form.as_bytes(),
            is_form: true,
        };
        let missing = given.completed_for("SendMessage", Some("1"));
        let pairs = missing.map_err(|error| error.parameter)?;
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
        Ok(pairs.collect::<Vec<_>>().join("&"))
    }

    #[test]
    fn what_is_not_given_is_added() {
        for (uri, mapped, form, added) in [
            ("", &[][..], "", "Action=SendMessage&Version=1"),
            (
                "",
                &[],
                "MessageBody=Action",
                "Action=SendMessage&Version=1",
            ),
            (
                "",
                &[],
                "action=x&Action.1=y",
                "Action=SendMessage&Version=1",
            ),
            ("", &[], "a=%26Action%3Dx", "Action=SendMessage&Version=1"),
            ("", &[], "Action=SendMessage&a=b", "Version=1"),
            ("", &[], "a=b&%41ction=Send%4Dessage\n", "Version=1"),
            ("", &[], "Version=2&Action=SendMessage", ""),
            ("Version=2", &[], "Action=SendMessage", ""),
            ("", &[("Version", "2")], "a=b", "Action=SendMessage"),
            ("", &[("Action", "SendMessage")], "", "Version=1"),
        ] {
            assert_eq!(completed(uri, mapped, form).as_deref(), Ok(added), "{form}");
        }
    }

    #[test]
    fn another_or_a_repeated_action_or_version_is_refused() {
        for (uri, mapped, form, parameter) in [
            ("", &[][..], "a=hi&Action=DeleteQueue", "Action"),
            ("", &[], "a=hi&%41%63tion=DeleteQueue", "Action"),
            (
                "",
                &[],
                "Action=SendMessage&a=hi&Action=DeleteQueue",
                "Action",
            ),
            ("", &[], "Action=SendMessage&Action=SendMessage", "Action"),
            ("", &[], "a=hi&Action", "Action"),
            ("", &[], "Action=sendmessage", "Action"),
            ("", &[("Action", "DeleteQueue")], "", "Action"),
            (
                "",
                &[("Action", "SendMessage")],
                "Action=SendMessage",
                "Action",
            ),
            ("Action=DeleteQueue", &[], "", "Action"),
            ("", &[], "Version=1&a=hi&Version=2", "Version"),
            ("Version=1", &[], "a=hi&Version=2", "Version"),
        ] {
            assert_eq!(completed(uri, mapped, form), Err(parameter), "{form}");
        }
    }

    #[test]
    fn a_body_that_is_no_form_names_nothing_but_may_not_contradict() {
        let given = |body: &'static str| Given {
            uri: "",
            mapped: &[],
            body: body.as_bytes(),
            is_form: false,
        };
        let added = given("Action=Publish").completed_for("Publish", None);
        assert_eq!(added, Ok(vec![("Action".into(), "Publish".into())]));
        let refused = given("a=hi&Action=DeleteTopic").completed_for("Publish", None);
        assert!(refused.is_err());
    }

    #[test]
    fn a_path_takes_any_action_once() {
        let given = |body: &'static str, is_form| Given {
            uri: "",
            mapped: &[],
            body: body.as_bytes(),
            is_form,
        };
        let twice = "Action=SendMessage&a=hi&Action=DeleteQueue";
        assert_eq!(given("Action=SendMessage&a=hi", true).is_clear(), Ok(()));
        assert!(given(twice, true).is_clear().is_err());
        assert_eq!(given(twice, false).is_clear(), Ok(()));
    }
}
