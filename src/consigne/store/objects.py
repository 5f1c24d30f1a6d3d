"""The object store: contents of files, beside the database that describes them.

A folder by default; Amazon S3, Google Cloud Storage or Azure Blob Storage by URL. An object is
there whole or not at all: what is being written shows only once it is complete. Credentials come
from where each cloud's own tools take them (environment, instance role).
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from consigne.domain.errors import NotFound, OperatorError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK_BYTES = 2**20
"""Least size of the pieces that an object is read in."""


class Content(msgspec.Struct, frozen=True):
    """An object, or a part of it, to be read once."""

    size: int
    """Of the whole object, in bytes."""
    start: int
    """Where the part begins."""
    end: int
    """Where it ends, exclusive."""
    chunks: AsyncIterator[bytes]


class Objects:
    """Puts, gets and deletes objects by key (``files/org_…/file_…``)."""

    def __init__(self, where: str, store: "ObjectStore | None" = None) -> None:
        self._where = where
        self._store = store

    @classmethod
    def open(cls, url: str, folder: Path) -> "Objects":
        """Open the store at ``url``, or a folder if that is empty.

        Raises:
            OperatorError: The URL is of no store known here, or the folder can't be made.
        """
        try:
            if url:
                return cls(url, _at(url))
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (ValueError, OSError) as error:
            raise OperatorError(
                f"Can't open the object store {url or folder}: {_reason(error)}. "
                "Set 'store_url' of [files] to s3://…, gs://… or az://…, or leave it empty."
            ) from None
        # A folder needs no library before its first file; many services never have one.
        return cls(str(folder))

    async def put(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Write an object from its pieces and return its size in bytes.

        Nothing is there if ``chunks`` raises, or if this is cancelled; an object of the same key
        is replaced at the end, at once.

        Raises:
            OperatorError: The store can't be written.
            Exception: What ``chunks`` raised.
        """
        store = await self._opened()
        import obstore

        size = 0
        raised: list[Exception] = []

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    yield chunk
            except Exception as error:
                raised.append(error)
                raise

        try:
            await obstore.put_async(store, key, counted(), use_multipart=True)
        except Exception as error:
            if raised:
                raise raised[0] from None
            raise self._explained(error) from error
        return size

    async def get(self, key: str, part: tuple[int, int] | None = None) -> Content:
        """Open an object to be read in pieces: all, or from one byte to another, exclusive.

        Raises:
            NotFound: There is no object of this key.
            OperatorError: The store can't be read.
        """
        store = await self._opened()
        import obstore

        try:
            if part is None:
                found = await obstore.get_async(store, key)
            else:
                found = await obstore.get_async(store, key, options={"range": part})
        except Exception as error:
            raise self._explained(error) from error
        first, last = found.range
        return Content(found.meta["size"], first, last, self._read(found.stream(CHUNK_BYTES)))

    async def copy(self, source: str, target: str) -> None:
        """Copy an object within the store.

        Raises:
            NotFound: There is no object ``source``.
            OperatorError: The store can't be written.
        """
        store = await self._opened()
        import obstore

        try:
            await obstore.copy_async(store, source, target)
        except Exception as error:
            raise self._explained(error) from error

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there.

        Raises:
            OperatorError: The store can't be written.
        """
        store = await self._opened()
        import obstore

        try:
            await obstore.delete_async(store, key)
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._explained(error) from error

    async def _opened(self) -> "ObjectStore":
        if self._store is None:
            self._store = await asyncio.to_thread(_in_folder, self._where)
        return self._store

    async def _read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                yield bytes(chunk)
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, FileNotFoundError):
            return NotFound("The content is not there.")
        return OperatorError(f"Can't use the object store {self._where}: {_reason(error)}.")


def _at(url: str) -> "ObjectStore":
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    try:
        return from_url(url)
    except BaseError as error:
        raise ValueError(str(error)) from None


def _in_folder(folder: str) -> "ObjectStore":
    from obstore.store import LocalStore

    return LocalStore(folder)


def _reason(error: Exception) -> str:
    """Return the first line of what a store says; the rest is its own debugging."""
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
