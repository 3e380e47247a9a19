"""HPACK decoding against RFC 7541's own examples, against an independent encoder, and against nonsense."""

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.api.header_decoder import HeaderDecoder, HeaderError

# RFC 7541, C.4: three requests with Huffman coding on one connection
C4 = [
    (
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        {":method": "GET", ":scheme": "http", ":path": "/", ":authority": "www.example.com"},
    ),
    (
        "828684be5886a8eb10649cbf",
        {
            ":method": "GET",
            ":scheme": "http",
            ":path": "/",
            ":authority": "www.example.com",
            "cache-control": "no-cache",
        },
    ),
    (
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        {
            ":method": "GET",
            ":scheme": "https",
            ":path": "/index.html",
            ":authority": "www.example.com",
            "custom-key": "custom-value",
        },
    ),
]


def decoder() -> HeaderDecoder:
    return HeaderDecoder(max_block_bytes=65_536)


def test_rfc7541_c4_requests_with_huffman_coding():
    one = decoder()
    for block, headers in C4:
        assert one.decode(bytes.fromhex(block)) == headers


def test_rfc7541_c2_1_literal_with_indexing_is_found_again():
    one = decoder()
    block = bytes.fromhex("400a637573746f6d2d6b65790d637573746f6d2d686561646572")
    assert one.decode(block) == {"custom-key": "custom-header"}
    assert one.decode(b"\xbe") == {"custom-key": "custom-header"}


names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=":"), min_size=1)
values = st.text(st.characters(max_codepoint=0xFF), max_size=300)
requests = st.lists(st.dictionaries(names.map(str.lower), values, max_size=12), max_size=12)


@given(requests, st.booleans())
def test_whatever_an_encoder_writes_on_one_connection_is_read(sent: list[dict[str, str]], huffman: bool):
    encoder, one = hpack.Encoder(), decoder()
    for headers in sent:
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        assert one.decode(encoder.encode(fields, huffman=huffman)) == headers


def test_a_table_that_shrinks_forgets_the_oldest():
    encoder, one = hpack.Encoder(), decoder()
    first = [(b"x-first", b"1" * 100), (b"x-second", b"2" * 100)]
    one.decode(encoder.encode(first))
    encoder.header_table_size = 150
    again = encoder.encode(first)
    assert one.decode(again) == {"x-first": "1" * 100, "x-second": "2" * 100}
    with pytest.raises(HeaderError):
        one.decode(b"\xff\x00")  # an index that was in the larger table


@given(st.binary(max_size=200))
def test_nonsense_is_an_error_or_headers_but_nothing_else(block: bytes):
    try:
        assert isinstance(decoder().decode(block), dict)
    except HeaderError:
        pass


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xff\xff\xff\xff\xff\xff\xff",  # an integer without an end
        b"\x40\x05ab",  # a string beyond the block
        b"\x40\x81\xff\x00",  # a Huffman string that is only padding of eight bits
        b"\x3f\xe2\x1f",  # a table of 4097 bytes
        b"\x40\x84\xff\xff\xff\xff\x00",  # the end-of-string symbol
    ],
)
def test_broken_blocks(block: bytes):
    with pytest.raises(HeaderError):
        decoder().decode(block)


def test_headers_without_end_are_refused():
    one = HeaderDecoder(max_block_bytes=1000)
    with pytest.raises(HeaderError, match="more than 1000 bytes"):
        one.decode(b"\x82" * 100)
