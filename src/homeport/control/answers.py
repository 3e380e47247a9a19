"""Answers that outlive the engine, for requests whose repetition must not do their work twice.

The gateway remembers answers too, in memory. An item that was taken from a Queue is gone, however, if the
engine is killed between the taking and the answer; so here work and answer are written together.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from google.protobuf.message import Message

from homeport.control.expiry import Expiry
from homeport.store.database import Database

KEPT_S: Final = 120.0  # of the engine's life; the client gives up within seconds
_TOGETHER_S: Final = 30.0  # how many seconds' worth are forgotten together, at least

Answer = TypeVar("Answer", bound=Message)


class Answers:
    """Runs each request's work once."""

    def __init__(self, db: Database, expiry: Expiry, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._expiry = expiry
        self._clock = clock
        expiry.add(self._expire)

    def open(self) -> None:
        """The time in which no engine ran does not count."""
        self._db.run("keep_answers", now=self._clock())

    def once(
        self,
        request: str,
        work: Callable[[], Answer],
        kind: type[Answer],
        *,
        is_final: Callable[[Answer], bool] = lambda answer: True,
    ) -> Answer:
        """The answer of `work`, or the one that this request had before; all in one transaction.

        Request '' shows no key and is not remembered, nor is what raises or is not final: those changed
        nothing.
        """
        with self._db.transaction():
            if not request:
                return work()
            known = self._db.one("answer_to_request", request=request)
            if known is not None:
                return kind.FromString(known["answer"])
            answer = work()
            if is_final(answer):
                now = self._clock()
                self._db.run("remember_answer", request=request, answer=answer.SerializeToString(), now=now)
                self._expiry.due(now + KEPT_S + _TOGETHER_S)
            return answer

    def _expire(self, now: float) -> float | None:
        self._db.run("forget_answers", before=now - KEPT_S)
        row = self._db.one("oldest_answer")
        oldest = row["answered_at"] if row is not None else None
        return None if oldest is None else oldest + KEPT_S + _TOGETHER_S
