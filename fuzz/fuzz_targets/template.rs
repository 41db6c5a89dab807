//! A mapping template, and behind a line of `---` the body that it is rendered with. It renders
//! within its bounds or is refused with a place in it.
#![no_main]

use gatepost_wire::template::{Template, TemplateError, TemplateInput};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let [source, body] = gatepost_fuzz::parts(input);
    let context = gatepost_fuzz::context();
    let rendered = Template::parse(source)
        .and_then(|template| template.render(&TemplateInput::new(&context, body)));
    match rendered {
        Ok(text) => assert!(text.len() <= 6 * 1024 * 1024),
        Err(TemplateError::Syntax { line, column, .. })
        | Err(TemplateError::Rendering { line, column, .. }) => {
            let named = source
                .split('\n')
                .nth(line - 1)
                .expect("a line of the template");
            assert!(column <= named.chars().count() + 1);
        }
        Err(TemplateError::TooLong(_)) => assert!(source.len() > 300 * 1024),
    }
});
