"""What can be read of an episode's log that a crash or damage has left."""

from collections.abc import Iterator
from pathlib import Path

from robotd.core.errors import DatasetError
from robotd.episodes.log import Opening
from robotd.episodes.mcap_file import Block, End, Logged, scan


class Salvage:
    """Iterates over what can be read of a file that a crash or damage has left.

    It yields the messages chunk by chunk, as a list each, and ends at the first damage.

    Attributes:
        path: Of the file.
        opening: What stood at the beginning, as far as met.
        topics: Topic to schema, as far as met.
        complete: Afterwards: the file was whole to its end.
        damage: Afterwards: what ended it, one line; empty where it was whole.
        end_bytes: Where the last whole part ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opening = Opening()
        self.topics: dict[str, str] = {}
        self.complete = False
        self.damage = ""
        self.end_bytes = 0

    def __iter__(self) -> Iterator[list[Logged]]:
        """Yield the messages of each whole chunk.

        Raises:
            OSError: The disk refuses to read it: that says nothing of the file.
        """
        try:
            for part in scan(self.path):
                self.topics = part.topics
                if isinstance(part.content, End):
                    self.complete = True
                    return
                self.end_bytes = part.end_bytes
                self.opening.add(part)
                if isinstance(part.content, Block):
                    yield part.content.messages
        except DatasetError as error:
            self.damage = str(error)
        except FileNotFoundError as error:
            self.damage = f"{self.path}: {error.strerror}"
