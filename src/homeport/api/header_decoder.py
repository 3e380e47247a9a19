"""HPACK (RFC 7541) decoding: what a client's header block says.

A container's request has some fifteen headers, of which all but one are references to the table; reading
those with a general library took more than a third of the engine's time in a call. The static table and the
Huffman code are hpack's; how they are walked is ours: a byte at a time, each step remembered.
"""

from typing import Final

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

_ENTRY_BYTES: Final = 32  # counted for each entry beside its text (RFC 7541, 4.1)
_END_OF_STRING: Final = 256
_STATIC: Final = tuple(
    (bytes(name).decode("ascii"), bytes(value).decode("ascii")) for name, value in HeaderTable.STATIC_TABLE
)


class HeaderError(Exception):
    """A header block that cannot be read; the connection's table is out of step from then on."""


class HeaderDecoder:
    """The reading side of one connection: its blocks have to come in order, since they share a table."""

    def __init__(self, *, max_block_bytes: int, table_bytes: int = 4096) -> None:
        self._max_block_bytes = max_block_bytes
        self._allowed_bytes = table_bytes
        self._capacity_bytes = table_bytes
        self._used_bytes = 0
        self._table: list[tuple[str, str]] = []  # the newest last

    def decode(self, block: bytes) -> dict[str, str]:
        """The headers by name; of several with one name the last. Raises HeaderError."""
        headers: dict[str, str] = {}
        position, end, size = 0, len(block), 0
        try:
            while position < end:
                first = block[position]
                position += 1
                if first & 0x80:  # a whole field of the table
                    index = first & 0x7F
                    if index == 0x7F:
                        index, position = _integer(block, position, index)
                    name, value = self._field(index)
                elif first & 0xE0 == 0x20:
                    capacity = first & 0x1F
                    if capacity == 0x1F:
                        capacity, position = _integer(block, position, capacity)
                    self._resize(capacity)
                    continue
                else:
                    mask = 0x3F if first & 0x40 else 0x0F
                    index = first & mask
                    if index == mask:
                        index, position = _integer(block, position, index)
                    if index:
                        name = self._field(index)[0]
                    else:
                        name, position = _string(block, position)
                    value, position = _string(block, position)
                    if first & 0x40:
                        self._add(name, value)
                size += len(name) + len(value) + _ENTRY_BYTES
                if size > self._max_block_bytes:
                    raise HeaderError(f"headers of more than {self._max_block_bytes} bytes")
                headers[name] = value
        except IndexError:
            raise HeaderError("a header block that ends early, or an index beyond the table") from None
        return headers

    def _field(self, index: int) -> tuple[str, str]:
        if not index:
            raise HeaderError("index 0")
        if index <= len(_STATIC):
            return _STATIC[index - 1]
        return self._table[len(_STATIC) - index]  # from the end: the newest comes first

    def _add(self, name: str, value: str) -> None:
        self._table.append((name, value))
        self._used_bytes += len(name) + len(value) + _ENTRY_BYTES
        self._evict()

    def _resize(self, capacity_bytes: int) -> None:
        if capacity_bytes > self._allowed_bytes:
            raise HeaderError(f"a table of {capacity_bytes} bytes, where {self._allowed_bytes} are allowed")
        self._capacity_bytes = capacity_bytes
        self._evict()

    def _evict(self) -> None:
        while self._used_bytes > self._capacity_bytes:
            name, value = self._table.pop(0)
            self._used_bytes -= len(name) + len(value) + _ENTRY_BYTES


def _integer(block: bytes, position: int, base: int) -> tuple[int, int]:
    """The rest of an integer whose prefix was full (RFC 7541, 5.1), and where it ends."""
    value, shift = base, 0
    while True:
        byte = block[position]
        position += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
        shift += 7
        if shift > 28:
            raise HeaderError("an integer that is too long")


def _string(block: bytes, position: int) -> tuple[str, int]:
    first = block[position]
    position += 1
    length = first & 0x7F
    if length == 0x7F:
        length, position = _integer(block, position, length)
    end = position + length
    if end > len(block):
        raise HeaderError("a string beyond its block")
    raw = block[position:end]
    return (_huffman(raw) if first & 0x80 else raw.decode("latin-1")), end


def _tree() -> list[list[int]]:
    """The Huffman code as nodes of two children: a node's number, or the symbol as -1 - symbol."""
    nodes = [[0, 0]]
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        node = 0
        for bit in range(length - 1, 0, -1):
            branch = code >> bit & 1
            if not nodes[node][branch]:
                nodes[node][branch] = len(nodes)
                nodes.append([0, 0])
            node = nodes[node][branch]
        nodes[node][code & 1] = -1 - symbol
    return nodes


_NODES: Final = _tree()
_STEPS: Final[dict[int, tuple[int, str]]] = {}  # node and byte -> next node and the text between


def _paddings() -> frozenset[int]:
    """The nodes at which a string may end: up to seven bits of the end-of-string code, all ones."""
    nodes, node = {0}, 0
    for _ in range(7):
        node = _NODES[node][1]
        nodes.add(node)
    return frozenset(nodes)


_ENDS: Final = _paddings()


def _huffman(raw: bytes) -> str:
    parts, node = [], 0
    for byte in raw:
        step = _STEPS.get(node << 8 | byte)
        if step is None:
            step = _STEPS[node << 8 | byte] = _walk(node, byte)
        node, text = step
        parts.append(text)
    if node not in _ENDS:
        raise HeaderError("a Huffman-coded string that ends within a symbol")
    return "".join(parts)


def _walk(node: int, byte: int) -> tuple[int, str]:
    text = ""
    for bit in range(7, -1, -1):
        node = _NODES[node][byte >> bit & 1]
        if node < 0:
            symbol = -1 - node
            if symbol == _END_OF_STRING:
                raise HeaderError("a Huffman-coded string with an end in its middle")
            text += chr(symbol)
            node = 0
    return node, text
