"""Static files are collected again as soon as anything about them has changed, and only then."""

import os
from pathlib import Path
from typing import Any

import pytest

from config.prepare import collect_static


@pytest.fixture
def source(settings: Any, tmp_path: Path) -> Path:
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [tmp_path / "sources"]
    settings.STATIC_ROOT = tmp_path / "collected"
    source = tmp_path / "sources" / "portal.css"
    source.parent.mkdir()
    source.write_text("body {}")
    collect_static()
    return source


def collected(settings: Any) -> Path:
    return Path(settings.STATIC_ROOT) / "portal.css"


class TestCollectStatic:
    def test_leaves_what_has_not_changed(self, source: Path, settings: Any) -> None:
        collected(settings).write_text("as it was")
        collect_static()
        assert collected(settings).read_text() == "as it was"

    def test_takes_what_has_changed(self, source: Path, settings: Any) -> None:
        source.write_text("body { }")
        collected(settings).unlink()
        collect_static()
        assert collected(settings).read_text() == "body { }"

    def test_takes_what_is_new(self, source: Path, settings: Any) -> None:
        (source.parent / "print.css").write_text("p {}")
        collect_static()
        assert collected(settings).with_name("print.css").exists()

    def test_begins_anew_where_it_was_broken_off(self, source: Path, settings: Any) -> None:
        before = source.stat()
        source.write_text("broken")
        changed = settings.STORAGES
        settings.STORAGES = {**changed, "staticfiles": {"BACKEND": "no.such.Storage"}}
        with pytest.raises(Exception, match=r"no\.such"):
            collect_static()
        settings.STORAGES = changed
        source.write_text("body {}")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
        collected(settings).unlink()
        collect_static()
        assert collected(settings).exists()
