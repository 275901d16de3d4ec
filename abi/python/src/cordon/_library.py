"""Finds libcordon, checks that it offers this ABI, and makes its functions ready to call."""

import ctypes
import functools
import json
import os
from typing import Any

from ._abi import ABI_VERSION, SONAME, Api

CORDON_LIBRARY = "CORDON_LIBRARY"


class LibraryError(ImportError):
    """libcordon is not there, or is not the one this package was made for."""


class Library:
    """The functions of the table, by their short names."""

    def __init__(self, path: str) -> None:
        try:
            loaded = ctypes.CDLL(path)
        except OSError as problem:
            raise LibraryError(
                f"cannot load {path}: {problem}; install libcordon1, or name the file in ${CORDON_LIBRARY}"
            ) from None
        try:
            get_api = loaded.cordon_get_api
        except AttributeError:
            raise LibraryError(f"{path} is not libcordon: it has no cordon_get_api") from None
        get_api.argtypes, get_api.restype = [ctypes.c_uint32], ctypes.POINTER(Api)
        table = get_api(ABI_VERSION // 1_000_000)
        if not table or table.contents.struct_size < ctypes.sizeof(Api):
            raise LibraryError(f"{path} is older than this package: it lacks functions of ABI {ABI_VERSION}")
        self.path = path
        self._table = table.contents
        # Looking a member up in the table makes a new object each time.
        for name, _ in Api._fields_:
            setattr(self, name, getattr(self._table, name))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)  # for type checkers: the members set above are functions

    def text(self, pointer: ctypes.c_void_p) -> str:
        """The characters of a text of the library's; gives the text back."""
        try:
            return ctypes.string_at(pointer.value or 0).decode()
        finally:
            self.string_free(pointer)

    @functools.cached_property
    def manifest_document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.manifest())
        return document

    @functools.cached_property
    def kinds(self) -> dict[str, str]:
        """The kind of each operation by its name: "action", "read" or "local"."""
        return {o["name"]: o["kind"] for o in self.manifest_document["operations"]["operations"]}

    @functools.cached_property
    def with_outcome(self) -> frozenset[str]:
        """The operations whose status tells how an action stands; that of get_action says that there is an answer."""
        return frozenset(
            o["name"]
            for o in self.manifest_document["operations"]["operations"]
            if o["kind"] == "action" or (o["kind"] == "local" and o.get("result") == "action")
        )


@functools.cache
def load(path: str | None = None) -> Library:
    """The library at `path`, else at $CORDON_LIBRARY, else where the loader finds it."""
    if path is None:
        return load(os.environ.get(CORDON_LIBRARY) or SONAME)
    return Library(path)
