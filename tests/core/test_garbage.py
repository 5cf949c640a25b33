"""Imported modules are not searched for garbage."""

import gc

import pytest

from bifseg.core.garbage import many_imports


def test_garbage_is_collected_again_after_imports_and_their_errors():
    with many_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), many_imports():
        raise ImportError
    assert gc.isenabled()


def test_what_was_imported_is_not_searched():
    with many_imports():
        new = [[]]
    assert not any(found is new for found in gc.get_objects())
