"""Every kind of picture is read as a person sees it, and what is damaged is refused, whatever its bytes."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.tiny_cats.data.pictures import KINDS, jpeg, photograph, saved
from tiny_cats.data.decode import Fault, Note, PictureError, decode, is_picture, open_picture, quiet

SIZE = 32


def reference(image: Image.Image, size: int = SIZE) -> np.ndarray:
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC, box=box))


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def fault_of(data: bytes) -> Fault:
    with pytest.raises(PictureError) as caught:
        decode(data, SIZE)
    return caught.value.fault


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_looks_like_the_photograph(kind: str) -> None:
    data = KINDS[kind]()
    picture = decode(data, SIZE)
    wanted = photograph().convert("L") if "grey" in kind else photograph()
    limit = 12 if "gif" in kind or "palette" in kind else 6
    assert difference(picture.pixels_HWC, reference(wanted)) < limit
    assert (picture.width, picture.height) == (64, 48)
    assert picture.pixels_HWC.shape == (SIZE, SIZE, 3) and picture.pixels_HWC.dtype == np.uint8
    assert is_picture(data[:32])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused_or_whole(kind: str) -> None:
    data = KINDS[kind]()
    whole = decode(data, SIZE).pixels_HWC
    for length in range(len(data)):
        try:
            cut = decode(data[:length], SIZE)
        except PictureError:
            continue
        assert np.array_equal(cut.pixels_HWC, whole), f"cut at {length} of {len(data)}"


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(PictureError, match=": "):
        decode(data, SIZE)


@settings(max_examples=300)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_damaged_bytes_never_raise_anything_else(kind: str, data: st.DataObject) -> None:
    content = bytearray(KINDS[kind]())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode(bytes(content), SIZE).pixels_HWC.shape == (SIZE, SIZE, 3)
    except PictureError as error:
        assert error.detail


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_the_picture_as_pillow_does(turn: int, format_: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    data = saved(photograph(), format_, exif=exif)
    picture = decode(data, SIZE)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert difference(picture.pixels_HWC, reference(shown)) < 2
    assert (picture.width, picture.height) == shown.size
    assert (Note.TURNED in picture.notes) == (turn > 1)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif", [b"garbage", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0"]
)
def test_metadata_that_cannot_be_read_costs_no_picture(format_: str, exif: bytes) -> None:
    with quiet():
        picture = decode(saved(photograph(), format_, exif=b"Exif\0\0" + exif), SIZE)
    assert difference(picture.pixels_HWC, reference(photograph())) < 6 and picture.notes == ()


MODES = {
    "CMYK": ("TIFF", Note.CMYK),
    "LAB": ("TIFF", None),
    "YCbCr": ("TIFF", None),
    "1": ("PNG", Note.GREY),
    "LA": ("PNG", Note.ALPHA),
}


@pytest.mark.parametrize("mode", MODES)
def test_rarer_modes_look_as_they_should(mode: str) -> None:
    format_, note = MODES[mode]
    picture = decode(saved(photograph().convert(mode), format_), SIZE)
    assert difference(picture.pixels_HWC, reference(photograph().convert(mode))) < 3
    assert note is None or note in picture.notes


def test_a_camera_s_pair_of_pictures_is_its_first() -> None:
    data = saved(photograph(), "MPO", save_all=True, append_images=[photograph(seed=1)])
    picture = decode(data, SIZE)
    assert picture.format == "JPEG" and difference(picture.pixels_HWC, reference(photograph())) < 6


def test_a_large_jpeg_is_scaled_as_it_is_decoded_and_looks_the_same() -> None:
    data = jpeg(width=1600, height=1203)
    assert difference(decode(data, SIZE).pixels_HWC, reference(Image.open(io.BytesIO(data)))) < 1


def test_inks_without_adobe_s_mark_are_not_inverted() -> None:
    inks = photograph().convert("CMYK")
    adobe = saved(inks, "JPEG", quality=95)
    at = adobe.index(b"\xff\xee")  # the APP14 segment that says so
    length = struct.unpack(">H", adobe[at + 2 : at + 4])[0]
    plain = saved(Image.fromarray(255 - np.asarray(inks), "CMYK"), "JPEG", quality=95)
    plain = plain[:at] + plain[at + 2 + length :]
    assert b"Adobe" in adobe and b"Adobe" not in plain
    for data in (adobe, plain):
        assert difference(decode(data, SIZE).pixels_HWC, reference(photograph())) < 6


def test_what_is_transparent_is_white() -> None:
    clear = photograph().convert("RGBA")
    clear.putalpha(0)
    picture = decode(saved(clear, "PNG"), SIZE)
    assert (picture.pixels_HWC == 255).all() and picture.notes == (Note.ALPHA,)
    palette = Image.new("P", (32, 32), 0)
    assert (decode(saved(palette, "PNG", transparency=0), SIZE).pixels_HWC == 255).all()


def test_sixteen_bits_are_cut_to_eight() -> None:
    deep = Image.fromarray(np.arange(64, dtype=np.uint16)[None].repeat(64, 0) * 1024)
    picture = decode(saved(deep, "PNG"), 64)
    assert Note.DEEP in picture.notes
    assert difference(picture.pixels_HWC[..., 0], np.arange(64)[None] * 4) < 1


def test_the_first_of_several_frames_is_taken() -> None:
    frames = [photograph(seed=seed).convert("P") for seed in (0, 1)]
    picture = decode(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), SIZE)
    assert Note.FRAMES in picture.notes and difference(picture.pixels_HWC, reference(photograph())) < 12


def test_stray_bytes_in_a_jpeg_are_noted() -> None:
    data = jpeg()
    tables = data.index(b"\xff\xdb")
    picture = decode(data[:tables] + b"\0\1\2" + data[tables:], SIZE)
    assert picture.notes == (Note.STRAY_BYTES,)
    assert np.array_equal(picture.pixels_HWC, decode(data, SIZE).pixels_HWC)


def test_one_pixel_is_too_small_and_says_so() -> None:
    with pytest.raises(PictureError, match="too-small: 1 x 1 pixels, and 16 a side are the least"):
        decode(saved(Image.new("RGB", (1, 1)), "PNG"), SIZE)


@pytest.mark.parametrize("sides", [(20_000, 20_000), (20_000, 16), (12_000, 12_000)])
def test_a_picture_too_large_is_refused_before_it_is_decoded(sides: tuple[int, int]) -> None:
    """A PNG of 20,000 x 20,000 pixels is a few bytes of promises; its pixels would fill a gigabyte."""
    header = struct.pack(">IIBBBBB", *sides, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    with pytest.raises(
        PictureError, match=rf"{sides[0]} x {sides[1]} pixels, and 16,384 a side and 100,000,000"
    ):
        decode(content, SIZE)


def test_other_faults_have_their_names() -> None:
    assert fault_of(b"") is Fault.EMPTY
    assert fault_of(b"%PDF-1.7 ...") is Fault.NOT_A_PICTURE
    assert fault_of(jpeg()[:-100]) is Fault.TRUNCATED
    assert fault_of(saved(Image.new("F", (32, 32)), "TIFF")) is Fault.DAMAGED


def test_a_file_s_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gone.jpg"
    with pytest.raises(PictureError, match=rf"{path}: unreadable: No such file") as caught:
        open_picture(path, SIZE)
    assert caught.value.fault is Fault.UNREADABLE
