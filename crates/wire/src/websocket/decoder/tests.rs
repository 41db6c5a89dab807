use proptest::{collection::vec, prelude::*};

use super::*;
use crate::websocket::{encode_masked, encode_text};

const AWS: FrameLimits = FrameLimits {
    max_frame_bytes: 32_768,
    max_message_bytes: 131_072,
    max_frames_per_message: 1024,
    accept_binary: false,
};
const BINARY: FrameLimits = FrameLimits {
    accept_binary: true,
    ..AWS
};

type Decoded = (Vec<Event<'static>>, Option<Violation>);

/// Feeds `reads` one after the other, up to the first violation.
fn decode_reads(mut decoder: Decoder, limits: &FrameLimits, reads: &[&[u8]]) -> Decoded {
    let mut events = Vec::new();
    for read in reads {
        let mut read = read.to_vec();
        let mut input = &mut read[..];
        loop {
            match decoder.decode(limits, &mut input) {
                Ok(Some(event)) => events.push(owned(event)),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
        assert!(input.is_empty(), "everything is taken");
    }
    (events, None)
}

/// Feeds `input` to a server.
fn decode(limits: &FrameLimits, input: &[u8]) -> Decoded {
    decode_reads(Decoder::new(Role::Server), limits, &[input])
}

fn owned(event: Event<'_>) -> Event<'static> {
    let bytes = |bytes: Cow<'_, [u8]>| Cow::Owned(bytes.into_owned());
    match event {
        Event::Text(text) => Event::Text(Cow::Owned(text.into_owned())),
        Event::Binary(payload) => Event::Binary(bytes(payload)),
        Event::Ping(payload) => Event::Ping(bytes(payload)),
        Event::Pong(payload) => Event::Pong(bytes(payload)),
        Event::Close(frame) => Event::Close(frame.map(|frame| CloseFrame {
            code: frame.code,
            reason: Cow::Owned(frame.reason.into_owned()),
        })),
    }
}

fn text(text: &str) -> Event<'_> {
    Event::Text(text.into())
}

/// A client's frame of at most 65,535 bytes with mask 1, 2, 3, 4.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 0x7E);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend([1, 2, 3, 4]);
    frame.extend(
        payload
            .iter()
            .zip([1, 2, 3, 4].iter().cycle())
            .map(|(a, b)| a ^ b),
    );
    frame
}

#[test]
fn a_decoder_is_small_and_owns_no_heap_between_messages() {
    assert!(size_of::<Decoder>() <= 16);
    let mut decoder = Decoder::new(Role::Server);
    let whole = [frame(0x01, b"a"), frame(0x89, b"b"), frame(0x80, b"c")].concat();
    for chunk in [1, 2, 3, 5, 100] {
        for read in whole.chunks(chunk) {
            let mut read = read.to_vec();
            let mut input = &mut read[..];
            while decoder.decode(&AWS, &mut input).unwrap().is_some() {}
        }
        assert!(decoder.partial.is_none());
    }
}

#[test]
fn messages_that_lie_whole_in_the_input_are_borrowed_from_it() {
    let mut decoder = Decoder::new(Role::Server);
    let mut read = [
        frame(0x81, b"one"),
        frame(0x89, b"two"),
        frame(0x82, b"three"),
    ]
    .concat();
    let mut input = &mut read[..];
    let mut next = || decoder.decode(&BINARY, &mut input).unwrap();
    assert!(matches!(next(), Some(Event::Text(Cow::Borrowed("one")))));
    assert!(matches!(next(), Some(Event::Ping(Cow::Borrowed(b"two")))));
    assert!(matches!(
        next(),
        Some(Event::Binary(Cow::Borrowed(b"three")))
    ));
    assert_eq!(next(), None);
}

#[test]
fn a_masked_hello_decodes_as_in_rfc_6455_section_5_7() {
    let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(decode(&AWS, hello), (vec![text("Hello")], None));
}

#[test]
fn control_frames_come_between_the_frames_of_a_message() {
    let input = [
        frame(0x01, b"Hel"),
        frame(0x89, b"ping"),
        frame(0x00, b""),
        frame(0x8A, b""),
        frame(0x80, b"lo"),
    ]
    .concat();
    let expected = vec![
        Event::Ping(b"ping".into()),
        Event::Pong(b"".into()),
        text("Hello"),
    ];
    assert_eq!(decode(&AWS, &input), (expected, None));
}

#[test]
fn empty_messages_are_messages() {
    let input = [frame(0x81, b""), frame(0x01, b""), frame(0x80, b"")].concat();
    assert_eq!(decode(&AWS, &input), (vec![text(""), text("")], None));
}

#[test]
fn each_role_insists_on_the_peers_masking() {
    let client = || Decoder::new(Role::Client);
    let mut unmasked = Vec::new();
    encode_text(b"Hello", &mut unmasked);
    assert_eq!(decode(&AWS, &unmasked), (vec![], Some(Violation::Unmasked)));
    let (events, _) = decode_reads(client(), &AWS, &[&unmasked]);
    assert_eq!(events, [text("Hello")]);
    let (_, violation) = decode_reads(client(), &AWS, &[&frame(0x81, b"Hello")]);
    assert_eq!(violation, Some(Violation::Masked));
}

#[test]
fn rsv1_without_deflate_is_refused() {
    for first_byte in [0xC1, 0xC2, 0xC0, 0xC9] {
        assert_eq!(
            decode(&BINARY, &frame(first_byte, b"")).1,
            Some(Violation::ReservedBits)
        );
    }
}

#[test]
fn continuations_follow_a_first_frame_and_nothing_else_does() {
    for first_byte in [0x00, 0x80] {
        assert_eq!(
            decode(&AWS, &frame(first_byte, b"x")).1,
            Some(Violation::UnexpectedContinuation)
        );
    }
    for first_byte in [0x01, 0x81, 0x82] {
        let input = [frame(0x01, b"x"), frame(first_byte, b"y")].concat();
        assert_eq!(decode(&AWS, &input).1, Some(Violation::UnfinishedMessage));
    }
}

#[test]
fn binary_is_refused_at_its_header() {
    let (_, violation) = decode(&AWS, b"\x82\xfe\xff\xff\x01\x02\x03\x04");
    assert_eq!(violation, Some(Violation::BinaryRefused));
    let payload = b"\xff\x00";
    let (events, _) = decode(&BINARY, &frame(0x82, payload));
    assert_eq!(events, [Event::Binary(payload.into())]);
}

#[test]
fn a_frame_of_32_kib_is_taken_and_one_more_byte_refused_at_its_header() {
    let payload = "x".repeat(32_768);
    let (events, _) = decode(&AWS, &frame(0x81, payload.as_bytes()));
    assert_eq!(events, [text(&payload)]);
    let (_, violation) = decode(&AWS, b"\x81\xfe\x80\x01\x01\x02\x03\x04");
    assert_eq!(violation, Some(Violation::FrameTooBig));
    let (_, violation) = decode(&AWS, b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0");
    assert_eq!(violation, Some(Violation::FrameTooBig));
}

#[test]
fn a_message_of_128_kib_is_taken_and_one_more_byte_refused_at_its_header() {
    let payload = "x".repeat(32_768);
    let part = |first_byte| frame(first_byte, payload.as_bytes());
    let three = [part(0x01), part(0x00), part(0x00)].concat();
    let (events, _) = decode(&AWS, &[three.clone(), part(0x80)].concat());
    assert_eq!(events, [text(&payload.repeat(4))]);
    let too_big = [three, part(0x00), b"\x80\x81\0\0\0\0".to_vec()].concat();
    assert_eq!(decode(&AWS, &too_big).1, Some(Violation::MessageTooBig));
    let small = FrameLimits {
        max_message_bytes: 2,
        ..AWS
    };
    let (_, violation) = decode(&small, b"\x81\x83\0\0\0\0");
    assert_eq!(violation, Some(Violation::MessageTooBig));
}

#[test]
fn empty_frames_count_towards_the_frames_of_a_message() {
    let limits = FrameLimits {
        max_frames_per_message: 3,
        ..AWS
    };
    let begun = [frame(0x01, b""), frame(0x00, b"")].concat();
    let (events, _) = decode(&limits, &[begun.clone(), frame(0x80, b"")].concat());
    assert_eq!(events, [text("")]);
    let input = [begun, frame(0x00, b""), frame(0x80, b"")].concat();
    assert_eq!(decode(&limits, &input).1, Some(Violation::TooManyFrames));
}

#[test]
fn utf8_may_be_split_between_frames_and_reads_at_any_byte() {
    let greeting = "κόσμε 🙂";
    for at in 0..greeting.len() {
        let (start, end) = greeting.as_bytes().split_at(at);
        let input = [frame(0x01, start), frame(0x80, end)].concat();
        let reads: Vec<&[u8]> = input.chunks(1).collect();
        for reads in [&[&input[..]][..], &reads] {
            let decoded = decode_reads(Decoder::new(Role::Server), &AWS, reads);
            assert_eq!(decoded, (vec![text(greeting)], None));
        }
    }
}

#[test]
fn invalid_utf8_is_refused_at_its_first_wrong_byte() {
    let invalid = Some(Violation::InvalidUtf8);
    assert_eq!(decode(&AWS, &frame(0x81, b"\xff")).1, invalid);
    // F4 90 begins no character: the message and even the frame are unfinished.
    let begun = frame(0x01, b"ok \xf4");
    let reads = [&begun[..], b"\x80\x8a\0\0\0\0\x90"];
    assert_eq!(
        decode_reads(Decoder::new(Role::Server), &AWS, &reads).1,
        invalid
    );
    // A surrogate, and an overlong form.
    assert_eq!(decode(&AWS, &frame(0x01, b"\xed\xa0")).1, invalid);
    assert_eq!(decode(&AWS, &frame(0x01, b"\xc0")).1, invalid);
}

#[test]
fn a_sequence_cut_by_the_end_of_its_message_is_invalid() {
    let invalid = Some(Violation::InvalidUtf8);
    assert_eq!(decode(&AWS, &frame(0x81, b"\xce")).1, invalid);
    let split = [frame(0x01, b"\xce"), frame(0x80, b"")].concat();
    assert_eq!(decode(&AWS, &split).1, invalid);
}

#[test]
fn close_frames_carry_code_and_reason() {
    let close = |code, reason: &'static str| {
        let reason = reason.into();
        (vec![Event::Close(Some(CloseFrame { code, reason }))], None)
    };
    assert_eq!(
        decode(&AWS, &frame(0x88, b"\x03\xe8bye")),
        close(1000, "bye")
    );
    assert_eq!(
        decode(&AWS, &frame(0x88, b"")),
        (vec![Event::Close(None)], None)
    );
    for (payload, violation) in [
        (&b"\x03"[..], Violation::TruncatedCloseCode),
        (b"\x03\xee", Violation::CloseCode(1006)),
        (b"\x03\xe8\xff", Violation::InvalidUtf8),
    ] {
        assert_eq!(
            decode(&AWS, &frame(0x88, payload)),
            (vec![], Some(violation))
        );
    }
}

#[test]
fn whatever_follows_a_close_frame_or_a_violation_is_discarded() {
    for ending in [frame(0x88, b""), frame(0x80, b"")] {
        let mut decoder = Decoder::new(Role::Server);
        let mut read = [ending, frame(0x81, b"late")].concat();
        let mut input = &mut read[..];
        assert_ne!(decoder.decode(&AWS, &mut input), Ok(None));
        assert!(decoder.is_ended());
        assert_eq!(decoder.decode(&AWS, &mut input), Ok(None));
        assert!(input.is_empty());
        assert!(decoder.partial.is_none());
    }
}

#[test]
fn compressed_messages_may_be_fragmented_and_mixed_with_others() {
    // "Hello" of RFC 7692 §7.2.3.1, in two frames around a ping; then uncompressed.
    let input = [
        frame(0x41, b"\xf2\x48\xcd"),
        frame(0x89, b""),
        frame(0x80, b"\xc9\xc9\x07\x00"),
        frame(0x81, b"plain"),
        frame(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
    ]
    .concat();
    let deflate = || Decoder::new(Role::Server).with_deflate();
    let expected = vec![
        Event::Ping(b"".into()),
        text("Hello"),
        text("plain"),
        text("Hello"),
    ];
    let whole = decode_reads(deflate(), &AWS, &[&input]);
    assert_eq!(whole, (expected, None));
    let reads: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(decode_reads(deflate(), &AWS, &reads), whole);
}

#[test]
fn the_message_limit_counts_what_a_compressed_message_inflates_to() {
    let limits = |max_message_bytes| FrameLimits {
        max_message_bytes,
        ..AWS
    };
    let hello = frame(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
    let deflate = || Decoder::new(Role::Server).with_deflate();
    let (events, _) = decode_reads(deflate(), &limits(5), &[&hello]);
    assert_eq!(events, [text("Hello")]);
    let (_, violation) = decode_reads(deflate(), &limits(4), &[&hello]);
    assert_eq!(violation, Some(Violation::MessageTooBig));
}

#[test]
fn rsv1_belongs_to_the_first_frame_of_a_compressed_message() {
    for input in [
        [frame(0x01, b""), frame(0xC0, b"")].concat(),
        frame(0xC9, b""),
    ] {
        let decoder = Decoder::new(Role::Server).with_deflate();
        let (_, violation) = decode_reads(decoder, &AWS, &[&input]);
        assert_eq!(violation, Some(Violation::ReservedBits));
    }
}

/// Frames of arbitrary first bytes and payloads: much of it is valid for a while.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let first_byte = prop_oneof![
        4 => proptest::sample::select(&[0x81, 0x01, 0x00, 0x80, 0x82, 0x02, 0x89, 0x8A, 0xC1, 0x41]),
        1 => any::<u8>(),
    ];
    let payload = prop_oneof![
        vec(any::<u8>(), 0..20),
        "\\PC{0,200}".prop_map(String::into_bytes)
    ];
    vec((first_byte, payload), 0..12).prop_map(|frames| {
        let frames = frames.iter().map(|(first, payload)| frame(*first, payload));
        frames.collect::<Vec<_>>().concat()
    })
}

fn chunks<'a>(input: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = input;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at((*size).min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

proptest! {
    #[test]
    fn messages_survive_any_fragmentation_and_any_reads(
        messages in vec(("\\PC{0,80}", vec(0..40usize, 0..4), any::<[u8; 4]>()), 1..6),
        sizes in vec(1..50usize, 1..8),
    ) {
        let mut input = Vec::new();
        let mut expected = Vec::new();
        for (message, cuts, mask) in &messages {
            let mut rest = message.as_bytes();
            let mut opcode = 0x01;
            for cut in cuts {
                let (part, after) = rest.split_at((*cut).min(rest.len()));
                input.extend(frame(opcode, part));
                encode_masked(Opcode::Ping, part, *mask, &mut input);
                expected.push(Event::Ping(part.into()));
                (rest, opcode) = (after, 0x00);
            }
            if cuts.is_empty() {
                encode_masked(Opcode::Text, rest, *mask, &mut input);
            } else {
                input.extend(frame(0x80, rest));
            }
            expected.push(text(message));
        }
        let reads = chunks(&input, &sizes);
        let decoded = decode_reads(Decoder::new(Role::Server), &AWS, &reads);
        prop_assert_eq!(decoded, (expected, None));
    }

    #[test]
    fn the_cut_of_reads_changes_nothing(
        input in frames(),
        sizes in vec(1..40usize, 1..8),
        deflate: bool,
    ) {
        let decoder = || Decoder { deflate, ..Decoder::new(Role::Server) };
        let (events, violation) = decode_reads(decoder(), &BINARY, &[&input]);
        let (cut_events, cut_violation) = decode_reads(decoder(), &BINARY, &chunks(&input, &sizes));
        prop_assert_eq!(events, cut_events);
        if deflate {
            // Text and its compression may both be wrong: which is seen first depends on the cut.
            prop_assert_eq!(violation.is_some(), cut_violation.is_some());
        } else {
            prop_assert_eq!(violation, cut_violation);
        }
    }

    #[test]
    fn nothing_panics_or_is_kept_beyond_the_limits(
        input in prop_oneof![vec(any::<u8>(), 0..400), frames()],
        sizes in vec(1..40usize, 1..8),
        deflate: bool,
    ) {
        let limits = FrameLimits {
            max_frame_bytes: 100,
            max_message_bytes: 150,
            max_frames_per_message: 4,
            accept_binary: true,
        };
        let mut decoder = Decoder { deflate, ..Decoder::new(Role::Server) };
        for read in chunks(&input, &sizes) {
            let mut read = read.to_vec();
            let mut rest = &mut read[..];
            while let Ok(Some(_)) = decoder.decode(&limits, &mut rest) {}
            if let Some(partial) = &decoder.partial {
                prop_assert!(partial.header.len() < 14);
                prop_assert!(partial.control_payload.len() <= 125);
                let kept = partial.message.as_ref().map_or(0, PartialMessage::held_bytes);
                prop_assert!(kept <= 150);
            }
        }
    }
}
