import json
import logging

from config.logging import _formatter


class TestJsonLines:
    def test_tell_a_failure_without_the_values_it_failed_on(self) -> None:
        line = _formatter("json").format(_failure("hunter2-hunter2"))
        assert "ValueError" in json.loads(line)["exception"][0]["exc_type"]
        assert "hunter2" not in line


def _failure(password: str) -> logging.LogRecord:
    info = None
    try:
        int(f"{password[:0]}no number")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    return logging.LogRecord("test", logging.ERROR, __file__, 1, "It failed", None, info)
