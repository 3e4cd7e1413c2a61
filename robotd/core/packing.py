"""Small records of one kind as bytes in a ring."""

from typing import Any, Generic, TypeVar

import msgspec

from robotd.core.errors import CorruptRecordError

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


class Packing(Generic[T]):
    """Packs one closed type; whatever does not fit it when it is read is refused."""

    def __init__(self, name: str, kind: Any) -> None:
        """Take the type, a Struct or a union of Structs, and what an error calls it."""
        self._name = name
        self._decoder: msgspec.msgpack.Decoder[T] = msgspec.msgpack.Decoder(kind)

    def pack(self, record: T) -> bytes:
        """Return its bytes."""
        return _encoder.encode(record)

    def unpack(self, data: bytes) -> T:
        """Return the record of `pack`.

        Raises:
            CorruptRecordError: Anything else than its bytes.
        """
        try:
            return self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptRecordError(f"{self._name}: {error}") from error
