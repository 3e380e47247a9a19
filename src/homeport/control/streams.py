"""Request bodies in pieces worth handing to a thread."""

from collections.abc import AsyncIterator

from homeport.model.errors import InvalidError

BATCH_BYTES = 1 << 20  # long enough that the switch to a thread costs nothing


async def batches(chunks: AsyncIterator[bytes], limit: int, what: str) -> AsyncIterator[bytes | bytearray]:
    """Chunks joined to about a megabyte, each good until the next is asked for.

    Raises InvalidError as soon as there are more than `limit` bytes.
    """
    batch = bytearray()
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise InvalidError(f"The upload of {what} is longer than the {limit} bytes announced.")
        if not batch and len(chunk) >= BATCH_BYTES // 2:
            yield chunk
            continue
        batch += chunk
        if len(batch) >= BATCH_BYTES:
            yield batch
            batch = bytearray()
    if batch:
        yield batch
