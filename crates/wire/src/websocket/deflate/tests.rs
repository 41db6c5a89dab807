use http::{HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};
use proptest::{collection::vec, prelude::*};

use super::*;

const DEFLATE: Deflate = Deflate {
    server_max_window_bits: None,
    compress_all: false,
};

fn negotiate(offer: &[u8]) -> Option<String> {
    let mut headers = HeaderMap::new();
    let offer = HeaderValue::from_bytes(offer).unwrap();
    headers.insert(SEC_WEBSOCKET_EXTENSIONS, offer);
    Deflate::negotiate(&headers).map(Deflate::response_header)
}

fn inflate(compressed: &[u8], max_bytes: usize) -> Result<Vec<u8>, Violation> {
    let mut out = Vec::new();
    let mut inflater = Inflater::new();
    inflater.inflate(compressed, &mut out, max_bytes)?;
    inflater.finish(&mut out, max_bytes)?;
    Ok(out)
}

#[test]
fn the_answer_always_excludes_context_takeover() {
    let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for offer in [
        &b"permessage-deflate"[..],
        b"permessage-deflate; client_max_window_bits",
        b"Permessage-Deflate;client_max_window_bits=10;server_no_context_takeover",
        b"x-webkit-deflate-frame, permessage-deflate; client_no_context_takeover",
    ] {
        assert_eq!(negotiate(offer).as_deref(), Some(answer));
    }
}

#[test]
fn a_limited_server_window_is_honoured() {
    for offer in [
        &b"permessage-deflate; server_max_window_bits=9"[..],
        b"permessage-deflate; server_max_window_bits=\"9\"",
    ] {
        let answer = negotiate(offer).unwrap();
        assert!(answer.ends_with("; server_max_window_bits=9"), "{answer}");
    }
}

#[test]
fn the_first_offer_that_can_be_honoured_is_taken() {
    let answer = negotiate(
        b"permessage-deflate; server_max_window_bits=8, permessage-deflate; \
          server_max_window_bits=10, permessage-deflate",
    )
    .unwrap();
    assert!(answer.ends_with("; server_max_window_bits=10"), "{answer}");
}

#[test]
fn offers_that_cannot_be_honoured_or_read_are_declined() {
    for offer in [
        &b""[..],
        b",;=\",",
        b"permessage-bzip2",
        b"permessage-deflate; server_max_window_bits=8",
        b"permessage-deflate; server_max_window_bits",
        b"permessage-deflate; server_max_window_bits=16",
        b"permessage-deflate; server_max_window_bits=010",
        b"permessage-deflate; client_max_window_bits=7",
        b"permessage-deflate; client_max_window_bits=x",
        b"permessage-deflate; server_no_context_takeover=1",
        b"permessage-deflate; client_max_window_bits; client_max_window_bits",
        b"permessage-deflate; unheard_of",
        b"permessage-deflate; \xff\xfe",
        b"other; a=\"x, permessage-deflate\"",
        b"other; a=\"x\\\", permessage-deflate\"",
    ] {
        assert_eq!(negotiate(offer), None, "{}", offer.escape_ascii());
    }
}

#[test]
fn the_payloads_of_rfc_7692_section_7_2_3_inflate_to_hello() {
    for compressed in [
        // 7.2.3.1: one block. 7.2.3.3: no compression. 7.2.3.4: BFINAL set. 7.2.3.5: two blocks.
        &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ] {
        assert_eq!(inflate(compressed, 5).unwrap(), b"Hello");
        assert_eq!(inflate(compressed, 4), Err(Violation::MessageTooBig));
    }
    assert_eq!(
        inflate(b"\x00", 0).unwrap(),
        b"",
        "7.2.3.6: the empty message"
    );
}

#[test]
fn what_is_no_deflate_data_is_refused() {
    // A block type of 3, which RFC 1951 reserves.
    assert_eq!(inflate(b"\x07", 100), Err(Violation::Compression));
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let bomb = DEFLATE.deflate(&vec![0; 10_000_000]).unwrap();
    assert!(bomb.len() < 20_000);
    let mut out = Vec::new();
    let result = Inflater::new().inflate(&bomb, &mut out, 131_072);
    assert_eq!(result, Err(Violation::MessageTooBig));
    assert!(out.capacity() <= 131_072);
}

#[test]
fn only_messages_that_become_shorter_are_compressed() {
    let encoded = |payload: &[u8]| {
        let mut out = Vec::new();
        DEFLATE.encode_text(payload, &mut out);
        out
    };
    assert_eq!(encoded(&[b'x'; 1023])[..4], *b"\x81\x7e\x03\xff");
    assert_eq!(encoded(&[b'x'; 1024])[0], 0xC1);
    // A linear congruential generator: nothing repeats.
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(2000)
    .collect();
    assert_eq!(encoded(&noise)[0], 0x81);
}

proptest! {
    #[test]
    fn what_is_deflated_inflates_again(
        payload in prop_oneof![vec(any::<u8>(), 0..3000), vec(0..4u8, 0..3000)],
        server_max_window_bits in proptest::option::of(9..=15u8),
        compress_all: bool,
    ) {
        let deflate = Deflate { server_max_window_bits, compress_all };
        let compressed = deflate.deflate(&payload);
        prop_assert!(compressed.is_some() || !compress_all);
        if let Some(compressed) = compressed {
            prop_assert!(compress_all || compressed.len() < payload.len());
            prop_assert_eq!(inflate(&compressed, payload.len()).unwrap(), payload);
        }
    }

    #[test]
    fn arbitrary_bytes_inflate_within_the_limit_or_fail(input: Vec<u8>) {
        if let Ok(out) = inflate(&input, 1000) {
            prop_assert!(out.len() <= 1000);
        }
    }
}
