"""HTTP as a download needs it: sizes, bytes from an offset, and every failure either passing or final.

By urllib: it knows proxies and redirects, and files of tens of megabytes gain nothing from kept connections.
"""

import http.client
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from training_kit.errors import FetchError
from training_kit.fetch.journal import Remote

TIMEOUT_S = 30.0
AGENT = "training-kit-fetch/1 (Python urllib)"
_PASSING = {408, 425, 429, 500, 502, 503, 504}


class PassingError(Exception):
    """Worth another attempt. `after_s`: what the server asked to wait, where it did."""

    def __init__(self, words: str, after_s: float | None = None) -> None:
        super().__init__(words)
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Body:
    """A response's bytes, from `offset` of the file on; 0 where the server gave the whole file."""

    stream: BinaryIO
    offset: int
    size_bytes: int  # of the whole file; -1 where the server does not say


def url_of(address: str, path: str) -> str:
    return urllib.parse.urljoin(address, urllib.parse.quote(path))


def head(url: str) -> Remote:
    with _open(url, "HEAD", {}) as response:
        length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            raise FetchError(f"{url}: the server does not say how long it is: try another mirror by --from")
        return Remote(int(length), _validator(response))


def read_text(url: str, at_most_bytes: int = 64 * 2**20) -> str:
    with _open(url, "GET", {}) as response:
        length = response.headers.get("Content-Length", "")
        content = bytes(response.read(at_most_bytes))
        if length.isdigit() and len(content) < int(length):
            raise PassingError(f"{url}: the connection was cut")
        return content.decode(errors="replace")


@contextmanager
def body(url: str, offset: int, validator: str) -> Iterator[Body]:
    """The file's bytes from `offset` on, or from 0 where it changed or the server ignores ranges."""
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    if offset and validator:
        headers["If-Range"] = validator
    with _open(url, "GET", headers) as response:
        if response.status == 206:
            start, total = _content_range(url, response.headers.get("Content-Range", ""))
            if start != offset:
                raise FetchError(
                    f"{url}: asked for the bytes from {offset} on, the server sent those from {start}"
                )
            yield Body(response, offset, total)
        else:
            length = response.headers.get("Content-Length", "")
            yield Body(response, 0, int(length) if length.isdigit() else -1)


def _content_range(url: str, value: str) -> tuple[int, int]:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", value.strip())
    if not match:
        raise FetchError(f"{url}: the server's Content-Range cannot be read: {value!r}")
    return int(match[1]), -1 if match[2] == "*" else int(match[2])


def _validator(response: http.client.HTTPResponse) -> str:
    etag = str(response.headers.get("ETag", ""))
    # a weak ETag may not be used with ranges (RFC 9110, section 13.1.5)
    return etag if etag and not etag.startswith("W/") else str(response.headers.get("Last-Modified", ""))


@contextmanager
def _open(url: str, method: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    """Raises PassingError or FetchError, also for what goes wrong while the caller reads."""
    plain = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, method=method, headers=plain | headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            yield response
    except urllib.error.HTTPError as error:
        with error:
            raise _status_error(url, error) from None
    except urllib.error.URLError as error:
        raise PassingError(
            f"{urllib.parse.urlsplit(url).hostname} cannot be reached ({error.reason})"
        ) from None
    except TimeoutError:
        raise PassingError(f"{url}: nothing came for {TIMEOUT_S:.0f} s") from None
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise PassingError(f"{url}: the connection was cut ({type(error).__name__})") from None


def _status_error(url: str, error: urllib.error.HTTPError) -> Exception:
    if error.code in _PASSING:
        after = error.headers.get("Retry-After", "")
        return PassingError(
            f"{url}: the server answered {error.code}", float(after) if after.isdigit() else None
        )
    if error.code == 416:
        return RangeError(url)
    if error.code == 404:
        return FetchError(f"{url} is not there (404): has the corpus moved? --from URL names another address")
    if error.code in (401, 403):
        return FetchError(f"{url}: the server refuses it ({error.code}); --from URL names another address")
    return FetchError(f"{url}: the server answered {error.code} {error.reason}")


class RangeError(Exception):
    """The server has no bytes from that offset on."""
